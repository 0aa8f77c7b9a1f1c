#include "cookie.h"
#include "prove.h"

int main(void)
{
    struct ftun_hash_key key;
    struct ftun_tuple tuple;
    struct ftun_tcp_options syn;
    any_bytes(&key, sizeof key);
    any_bytes(&tuple, sizeof tuple);
    any_bytes(&syn, sizeof syn);
    syn.has_mss = any_bool();
    syn.has_window_scale = any_bool();
    ftun_cookie_make(&key, any_u64(), &tuple, &syn);
    struct ftun_cookie cookie;
    if (ftun_cookie_check(&key, any_u64(), &tuple, any_u32(), &cookie)) {
        //@ assert cookie.window_scale <= FTUN_WINDOW_SCALE_MAX;
    }
    return 0;
}

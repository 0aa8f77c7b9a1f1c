#include "mss.h"
#include "prove.h"

int main(void)
{
    const uint8_t index = ftun_mss_index(any_u16());
    //@ assert 1 <= index < 1 << FTUN_MSS_INDEX_BITS;
    const uint16_t mss = ftun_mss_of_index(index);
    //@ assert mss > 0;
    ftun_mss_of_index(any_u8());
    ftun_mss(FTUN_IPV4, any_u16());
    ftun_mss(FTUN_IPV6, any_u16());
    return 0;
}

#include "prove.h"
#include "receive_window.h"

int main(void)
{
    struct ftun_receive_window window =
        ftun_receive_window_open(any_u32(), (uint8_t)any_size(0, FTUN_WINDOW_SCALE_MAX));
    ftun_receive_window_valid(&window);
    window.grown = any_u32();
    window.size = any_u32();
    ftun_receive_window_moved(&window, any_u32());
    ftun_receive_window_field(&window);
    window.scale = any_u8();
    ftun_receive_window_valid(&window);
    return 0;
}

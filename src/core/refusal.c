#include "refusal.h"

struct description {
    const char *name;
    const char *text;
};

static const struct description descriptions[FTUN_REFUSAL_COUNT] = {
#define DESCRIPTION(name, counter, text) [FTUN_REFUSED_##name] = {counter, text},
    FTUN_REFUSALS(DESCRIPTION)
#undef DESCRIPTION
};

const char *ftun_refusal_name(enum ftun_refusal refusal)
{
    return (unsigned)refusal < FTUN_REFUSAL_COUNT ? descriptions[refusal].name : "unknown";
}

const char *ftun_refusal_text(enum ftun_refusal refusal)
{
    return (unsigned)refusal < FTUN_REFUSAL_COUNT ? descriptions[refusal].text : "unknown refusal";
}

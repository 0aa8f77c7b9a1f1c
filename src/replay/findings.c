#include "findings.h"

static const struct {
    const char *name;
    const char *seen;
    const char *advice;
} texts[FTUN_FINDING_COUNT] = {
#define TEXT(name, word, seen, advice) [FTUN_FOUND_##name] = {word, seen, advice},
    FTUN_FINDINGS(TEXT)
#undef TEXT
};

const char *ftun_finding_name(enum ftun_finding finding)
{
    return texts[finding].name;
}

const char *ftun_finding_seen(enum ftun_finding finding)
{
    return texts[finding].seen;
}

const char *ftun_finding_advice(enum ftun_finding finding)
{
    return texts[finding].advice;
}

#include "report.h"

#include <stdarg.h>
#include <stdio.h>

void sim_violated(struct sim_report *report, const char *format, ...)
{
    if (report->violated)
        return;
    report->violated = true;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->text, sizeof report->text, format, arguments);
    va_end(arguments);
}

/* sleep_calls.h - calls that sleep. */
#ifndef SLEEP_CALLS_H
#define SLEEP_CALLS_H

#include "measure.h"

extern const struct group sleep_calls;

#endif

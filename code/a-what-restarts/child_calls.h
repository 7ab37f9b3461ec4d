/* child_calls.h - calls that wait for a child. */
#ifndef CHILD_CALLS_H
#define CHILD_CALLS_H

#include "measure.h"

extern const struct group child_calls;

#endif

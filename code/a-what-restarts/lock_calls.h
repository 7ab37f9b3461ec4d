/* lock_calls.h - calls that wait for a lock, or for another thread. */
#ifndef LOCK_CALLS_H
#define LOCK_CALLS_H

#include "measure.h"

extern const struct group lock_calls;

#endif

/* event_calls.h - calls that wait for events. */
#ifndef EVENT_CALLS_H
#define EVENT_CALLS_H

#include "measure.h"

extern const struct group event_calls;

#endif

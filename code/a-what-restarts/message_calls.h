/* message_calls.h - calls about messages and semaphores of System V, and
 * messages of POSIX. */
#ifndef MESSAGE_CALLS_H
#define MESSAGE_CALLS_H

#include "measure.h"

extern const struct group message_calls;

#endif

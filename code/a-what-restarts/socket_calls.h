/* socket_calls.h - calls on sockets. */
#ifndef SOCKET_CALLS_H
#define SOCKET_CALLS_H

#include "measure.h"

extern const struct group socket_calls;

#endif

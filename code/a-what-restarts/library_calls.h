/* library_calls.h - functions of the C library that make such calls. */
#ifndef LIBRARY_CALLS_H
#define LIBRARY_CALLS_H

#include "measure.h"

extern const struct group library_calls;

#endif

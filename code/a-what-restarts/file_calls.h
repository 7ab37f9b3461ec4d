/* file_calls.h - calls that read, write and open. */
#ifndef FILE_CALLS_H
#define FILE_CALLS_H

#include "measure.h"

extern const struct group file_calls;

#endif

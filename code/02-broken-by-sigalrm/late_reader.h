/* late_reader.h - a child that is busy at first: it begins to read its pipe
 * only when it is told to. */
#ifndef LATE_READER_H
#define LATE_READER_H

#include <sys/types.h>

/* Starts the child; *wfd is the write end of its pipe, as for child_start.
 * Returns its process id. Errors end the process with status 1. One late
 * reader a process. */
pid_t late_reader_start(int *wfd);

/* Tells the child to begin. It then reads until end of file and prints how
 * many bytes it got. Once is enough; more do no harm. A child that has ended
 * already is no error. */
void late_reader_go(void);

#endif

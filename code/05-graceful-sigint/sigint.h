/* sigint.h - a flag that SIGINT sets. Used by the small programs of this
 * chapter. */
#ifndef SIGINT_H
#define SIGINT_H

#include <signal.h>

/* How often the handler has run in this process. After fork(2) the child has
 * a copy of its own. */
extern volatile sig_atomic_t sigints;

/* Installs a handler for SIGINT that counts in `sigints`, with sigaction(2);
 * `flags` is 0 or SA_RESTART. A failure is said on stderr and ends the process
 * with status 1.
 * Does NOT look whether SIGINT was ignored. */
void catch_sigint(int flags);

/* Blocks SIGINT, and puts the mask as it was before in *before. A failure ends
 * the process with status 1. */
void block_sigint(sigset_t *before);

/* Makes `mask` the mask of signals again. A failure ends the process with
 * status 1. */
void restore_mask(const sigset_t *mask);

#endif

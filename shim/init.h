/* Birth of the recorder. */
#ifndef SHIM_INIT_H
#define SHIM_INIT_H

#include "shim/shim.h"

/* Fills the process record for this process. */
void init_process_record(bool forked);
/* In process.c: a fork child becomes a process of its own. Guard up. */
void process_fork_child(struct thread *thread);
/* Says, once, that nothing is recorded in this process, where that is so from its beginning. */
void init_say_unborn(void);
/* The second half of birth, which may allocate. Guard up. */
extern bool init_incomplete;
void init_complete(void);
/* Path of the shim's own object file. */
extern char init_own_path[512];
/* Finds the next longjmp and its kin. */
void jump_find(void);

#endif

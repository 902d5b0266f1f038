/* The end of the process: the END of the record and the report. See end.c. */
#ifndef SHIM_END_H
#define SHIM_END_H

#include "shim/shim.h"

bool end_setup(void);
/* Nothing is recorded in this process, which is said, and in its exit status too. */
void end_unobserved(void);
/* Ends the record (once; later calls do nothing) and, if asked for, makes the report. Returns the exit status to use, or
 * -1 to keep the program's own. Async-signal-safe. */
int end_process(enum trace_end how, int code);
/* The record ends here, the program goes on. */
void end_confined(const char *reason);
/* Before an exec that will replace us: ends the record. If the exec fails, end_exec_failed() takes it back. */
void end_exec(const char *path);
void end_exec_failed(void);
/* Remembers where the process's end was asked for. */
void end_note(uintptr_t pc, uintptr_t frame);
/* Below all handlers of exit: ends the record, reports, and returns the status to leave with. */
int end_under(int status, uintptr_t pc, uintptr_t frame);
/* quick_exit has been called with this status. */
void end_quick(int status);
/* This process is the one that is recorded, not a vfork child of it. */
bool end_ours(void);
void end_fork_child(void);

#endif

/*
 * The trace directory: made when there is something to record, never followed through a symlink, never anybody else's.
 */
#ifndef SHIM_DIRECTORY_H
#define SHIM_DIRECTORY_H

#include "shim/shim.h"

extern volatile uint32_t directory_active; /* 1: the trace is on disk; 0: still in memory only */
extern char directory_path[];              /* absolute */

/* Makes the directory and moves the tables into it. Called by the only thread there is, or with others inert. */
void directory_activate(void);
static inline void directory_need(void)
{
    if (!directory_active)
        directory_activate();
}
/* The process is about to become another user: the directory, made now if need be, and its files will be his. */
void directory_give(uint32_t user);
/* Nothing was recorded into it after all: removes a directory that was only made. */
void directory_unused(void);
/* Opens (makes, if `create`) a file of the directory for reading and writing; a descriptor or -errno. */
int directory_file(const char *name, bool create);
/* Reserves [0, size) of the file on disk, so that a full disk shows here and not as a SIGBUS later; 0 or -errno. */
int directory_reserve(int fd, uint64_t offset, uint64_t size);
/* Writes `size` bytes at `offset`; 0 or -errno, and then whatever was written does not count. */
int directory_write(int fd, const void *bytes, uint64_t size, uint64_t offset);
/* The header that every file of this trace begins with. */
void directory_header(struct trace_file_header *header, uint32_t kind, uint32_t slot_size,
                      uint32_t stream);
/* In a fork child: the parent's directory is not ours. */
void directory_forget(void);
/* A file could not grow: errno kept for the report. */
void directory_lost(int error);

#endif

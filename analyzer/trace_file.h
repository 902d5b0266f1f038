/*
 * The parts of opening a trace (trace.c), for a reader that follows one that grows (follow.c): each
 * can be done again.
 */
#ifndef ANALYZER_TRACE_FILE_H
#define ANALYZER_TRACE_FILE_H

#include "analyzer/trace.h"

#define STREAMS_MAX (1u << 20)

/* Maps a file of the trace; false if there is none (absent: no problem) or it cannot be used. */
bool trace_map_file(struct trace *trace, int directory, const char *name, struct trace_blob *blob);
/* Checks a file's header; on damage reports it, lets go of the file and returns false. */
bool trace_check_header(struct trace *trace, const char *name, struct trace_blob *blob,
                        enum trace_file_kind kind, uint32_t slot_size, uint32_t data_offset);
/* False with *error if there is no process to be read. Sets trace->live. */
bool trace_read_process(struct trace *trace, int directory, char **error);
void trace_read_tables(struct trace *trace, int directory);
/* How many streams the directory has by now. */
uint32_t trace_count_streams(struct trace *trace, int directory);
/* Maps a stream's file: as it is at this moment, if it is being written. */
void trace_read_stream(struct trace *trace, int directory, enum trace_file_kind kind,
                       uint32_t index);
void trace_unmap(struct trace_blob *blob);
/* Whether the record is complete, by what the process says of itself. */
void trace_judge(struct trace *trace);

#endif

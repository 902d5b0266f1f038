/*
 * Streams: chunk files of records, one writer each. All functions are called with the guard up.
 */
#ifndef SHIM_STREAM_H
#define SHIM_STREAM_H

#include "shim/shim.h"

NOINLINE uint8_t *stream_open_chunk(struct stream *stream);

/* A place with room for TRACE_RECORD_MAX bytes, or NULL (disk full, recorder off): then the record is lost, counted. */
static inline uint8_t *stream_begin(struct stream *stream)
{
    if (LIKELY(stream->next < stream->limit))
        return stream->next;
    return stream_open_chunk(stream);
}

/* The record that ends at `end` is whole. */
static inline void stream_commit(struct stream *stream, uint8_t *end)
{
    stream->next = end;
    __asm__ volatile("" ::: "memory"); /* x86 keeps stores in order; so must the compiler */
    stream->chunk->used = (uint32_t)(end - (uint8_t *)(stream->chunk + 1));
}

/* The same for a record of the thread's present task in its sync stream, which is told first if it was another's. */
NOINLINE void sync_switch(struct thread *thread);
static inline uint8_t *sync_begin(struct thread *thread)
{
    if (UNLIKELY(thread->sync_codec.task != thread->task))
        sync_switch(thread);
    return stream_begin(&thread->sync);
}

/* Makes ready a stream of slot `index`; the file is made at the first record. Continues the slot's file if it exists
 * (`stream` keeps its state between threads). */
void stream_setup(struct stream *stream, uint32_t kind, uint32_t index);
/* An anonymous stream whose trace has gone to disk follows it there. */
bool stream_follow(struct stream *stream);
/* In a fork child: what is mapped belongs to the parent's trace. */
void stream_abandon(struct stream *stream);
/* Opens the access stream's file with its open table; NULL if that cannot be. */
struct trace_open *stream_open_table(struct stream *stream);
/* After that: makes room for its parked records; NULL if there is none. */
struct trace_parked *stream_park(struct stream *stream);

#endif

/*
 * A search through Go's heap, as its collector makes one, but after all threads that run goroutines stand still (go_halt.h).
 * go_reach.c says where it begins, and what is said of whom; go_search.c follows the pointers; go_finalizer.c knows what
 * finalizers lead to.
 */
#ifndef SHIM_GO_SEARCH_H
#define SHIM_GO_SEARCH_H

#include "shim/go_halt.h"

#define SEARCH_OBJECTS_LOG2 20u          /* of found objects: 8 MB; beyond it nothing is said */
#define SEARCH_BYTES_MAX    (128u << 20) /* scanned, likewise: about a quarter of a second */

struct search {
    const struct go *ender; /* who ended the program ... */
    uint64_t
        ender_sp; /* ... and how far its stack reaches; 0: it has returned, nobody goes on there */
    const struct go *finalizes; /* who waits in a finalizer: others are called if that wait ends */
    struct go_finalizers *where;
    uint64_t *found; /* hash set of addresses of heap objects, 0 empty */
    uint64_t *pending;
    uint32_t found_count, pending_count;
    uint64_t scanned;
    bool too_much, changed;
    bool wakers_found; /* all that lies on stacks of those who go on, and of whom they may wake */
    uint32_t flag;     /* for goroutines whose object is found in this round */
    uint64_t copy[4096];
};

/* The heap object around `address`: where it begins, how large it is, whether it holds pointers. 0: there is none. */
uint64_t search_object(uint64_t address, uint64_t *size, bool *pointers);
/* Is the object of this size one of the runtime's own: a p, an m? Objects of a type lie in slots of at most an eighth more
 * than its size. */
bool search_is_p(uint64_t base, uint64_t size);
bool search_is_m(uint64_t base, uint64_t size);

bool search_has(const uint64_t *found, uint64_t base);
/* The word may be a pointer: what it leads to is found, and is to be followed. */
void search_word(struct search *search, uint64_t word);
/* All words of an area that may be unmapped meanwhile. */
void search_area(struct search *search, uint64_t low, uint64_t high);
/* Follows what was found until there is nothing more. */
void search_drain(struct search *search);

/* A copy of memory that need not be there. */
bool search_read(void *copy, uint64_t address, size_t size);

/* Writable private memory of the process, from /proc/self/maps, in order. */
#define GO_REGIONS_MAX 4096u
struct go_regions {
    struct go_region {
        uint64_t low, high;
        bool heap; /* C's */
    } items[GO_REGIONS_MAX];
    uint32_t count;
    bool known, too_many;
};

/* Where finalizers are kept: variables of libgo that have no names for us. All but
 * `memory` 0 before go_finalizers_find(). */
#define GO_FINALIZER_BLOCKS 1024u /* of 101 */
#define GO_FINALIZER_BLOCK  4096u /* bytes of a runtime.finblock */
struct go_finalizers {
    uint64_t spans, span_count;           /* runtime.mheap_.allspans */
    uint64_t blocks[GO_FINALIZER_BLOCKS]; /* those of runtime.allfin that are not empty */
    uint32_t block_count;
    bool too_many;
    const struct go_regions *memory;   /* where pointers can lead at all */
    uint8_t block[GO_FINALIZER_BLOCK]; /* a copy of the one that is looked at */
};

/* Looks for them in a part of libgo's variables. */
void go_finalizers_find(struct go_finalizers *where, uint64_t low, uint64_t high);
/* What the finalizers lead to that are to run next: their objects have gone. */
void go_finalizers_queued(struct search *search, struct go_finalizers *where);
/* Each object that has a finalizer, and what it calls. */
void go_finalizers_each(struct search *search, const struct go_finalizers *where,
                        void (*visit)(struct search *search, uint64_t object, uint64_t function));

#endif

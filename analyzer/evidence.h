/*
 * What the two accesses of a machine race prove by themselves. A plain load or store of up to eight
 * bytes, or of sixteen by an aligned move, may be an atomic operation of the source, since these
 * compile to the same instructions; an access that no compiler makes of an atomic operation cannot.
 */
#ifndef ANALYZER_EVIDENCE_H
#define ANALYZER_EVIDENCE_H

#include "analyzer/analysis.h"
#include "analyzer/race.h"

/* Remembers what the source lines of access sites said. */
struct evidence_finder {
    const struct analysis *analysis;
    struct {
        uint64_t key;
        bool plain;
    } lines[1024];
};

struct evidence {
    char *text;                /* "a 16-byte write"; NULL: there is none. Free it */
    bool declared_plain;       /* ... is the declaration and the source line */
    enum object_kind declared; /* of the object, as far as it has a name */
};

/* One of several accesses of a line, of which only the first is known (sites=): so neither its size nor its instruction. */
static inline bool evidence_is_several(const struct race_site *site)
{
    return !(site->kind & (RACE_KIND_FREE | TRACE_KIND_RANGE)) &&
           TRACE_KIND_SIZE(site->kind & 0xff) == TRACE_SIZE_SEVERAL;
}

/* In bytes; 0 where it is not known. */
static inline unsigned evidence_size(const struct race_site *site)
{
    unsigned bits = TRACE_KIND_SIZE(site->kind & 0xff);
    return bits <= 6 ? 1u << bits : bits <= TRACE_SIZE_AVX ? 16 : 0;
}

/* As far as its size tells, it could be of an atomic object. */
bool evidence_fits(const struct analysis *analysis, const struct race_site *site);

/* A load or store that could be of an atomic object, and does not both at once. */
static inline bool evidence_could_be_atomic(const struct analysis *analysis,
                                            const struct race_site *site)
{
    return !(site->kind & (RACE_KIND_FREE | TRACE_KIND_RANGE)) &&
           (site->kind & TRACE_KIND_MARKED) != TRACE_KIND_BOTH && evidence_fits(analysis, site);
}

/* Reads and writes at once, without LOCK. */
static inline bool evidence_is_both(const struct race_site *site)
{
    return site->kind & RACE_KIND_MACHINE && !(site->kind & RACE_KIND_FREE) &&
           (site->kind & TRACE_KIND_MARKED) == TRACE_KIND_BOTH;
}

/* Whether the access is known to be an atomic operation: by LOCK, by a mark of its bytes, or because
 * it stands in a header that makes them. */
bool evidence_is_atomic(const struct evidence_finder *finder, const struct race_site *site);

/* Whether the access is a read of more than its source asks for: gccgo's stub for a method that a
 * struct has by embedding ("main.worker.Name..stub") copies the whole receiver, while the language
 * reads the embedded field alone; and so does a value of such a method, f := w.Name. */
bool evidence_is_copy(const struct analysis *analysis, const struct race_site *site);

void evidence_find(struct evidence_finder *finder, const struct race_site *a,
                   const struct race_site *b, const struct race_sample *sample,
                   struct evidence *evidence);

#endif

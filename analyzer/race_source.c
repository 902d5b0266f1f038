/*
 * Batches and who may have them: see race_source.h.
 *
 * Invariant: a batch is freed when all workers have gone on from it, and none goes on before it is
 * linked to the next one; so the last batch of a stream, to which the next will be linked, is there.
 * The worker that has taken the fewest batches never waits for another one, since all it needs up
 * to where that one is has been read.
 */
#include "analyzer/race_source.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"

void race_source_open(struct race_source *source, const struct race_scan *scan, uint32_t shards)
{
    pthread_mutexattr_t attributes;
    source->scan = scan;
    source->shards = shards;
    source->leads = memory_pages(shards, sizeof(*source->leads));
    race_places_open(&source->places);
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP); /* held for microseconds */
    pthread_mutex_init(&source->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    pthread_mutex_init(&source->lead_lock, NULL);
    pthread_cond_init(&source->lead_moved, NULL);
    race_source_again(source, false);
}

void race_source_close(struct race_source *source)
{
    for (uint32_t i = 0; i < source->feed_count; i++) {
        if (source->feeds[i]->reader)
            race_reader_free(source->feeds[i]->reader);
        free(source->feeds[i]);
    }
    free(source->feeds);
    memory_pages_free(source->leads, source->shards, sizeof(*source->leads));
    free(source->draft.path);
    race_places_close(&source->places);
    pthread_mutex_destroy(&source->lock);
    pthread_mutex_destroy(&source->lead_lock);
    pthread_cond_destroy(&source->lead_moved);
}

void race_source_again(struct race_source *source, bool final)
{
    uint32_t count = source->scan->stream_count;
    source->final = final;
    source->feeds = memory_resize(source->feeds, count, sizeof(*source->feeds));
    for (; source->feed_count < count; source->feed_count++) {
        struct race_feed *feed = memory_get(1, sizeof(*feed));
        feed->last = &feed->head;
        source->feeds[source->feed_count] = feed;
    }
    for (uint32_t i = 0; i < count; i++)
        if (source->feeds[i]->reader)
            access_resume(&source->feeds[i]->reader->cursor);
}

struct race_batch *race_source_head(const struct race_source *source, uint32_t stream)
{
    return &source->feeds[stream]->head;
}

uint64_t race_source_read(const struct race_source *source, uint32_t stream)
{
    return stream < source->feed_count ? source->feeds[stream]->needs : 0;
}

/* ---- who is how far ---- */

static uint64_t least_taken(const struct race_source *source)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < source->shards; i++) {
        uint64_t taken = atomic_load(&source->leads[i].batches);
        least = taken < least ? taken : least;
    }
    return least;
}

bool race_source_far(const struct race_source *source, uint32_t shard)
{
    return source->shards > 1 &&
           atomic_load(&source->leads[shard].batches) - least_taken(source) > RACE_LEAD;
}

void race_source_wait(struct race_source *source, uint32_t shard)
{
    pthread_mutex_lock(&source->lead_lock);
    atomic_fetch_add(&source->waiting, 1); /* before it is looked who is how far: see note_taken */
    while (race_source_far(source, shard))
        pthread_cond_wait(&source->lead_moved, &source->lead_lock);
    atomic_fetch_sub(&source->waiting, 1);
    pthread_mutex_unlock(&source->lead_lock);
}

static void note_taken(struct race_source *source, uint32_t shard)
{
    uint64_t taken = atomic_fetch_add(&source->leads[shard].batches, 1) + 1;
    if (!atomic_load(&source->waiting) || taken % (RACE_LEAD / 4))
        return;
    pthread_mutex_lock(&source->lead_lock);
    pthread_cond_broadcast(&source->lead_moved);
    pthread_mutex_unlock(&source->lead_lock);
}

/* ---- batches ---- */

void race_batch_done(struct race_batch *batch)
{
    if (batch->number && atomic_fetch_sub(&batch->users, 1) == 1)
        free(batch);
}

void race_batch_done_all(struct race_batch *batch)
{
    while (batch) {
        struct race_batch *next = atomic_load(&batch->next);
        race_batch_done(batch);
        batch = next;
    }
}

/* The draft's items, those of each shard behind those of the one before. */
static void sort_items(const struct race_draft *draft, uint32_t shards, struct race_item *items,
                       uint32_t *first)
{
    memset(first, 0, (shards + 1) * sizeof(*first));
    if (shards == 1) {
        memcpy(items, draft->items, draft->item_count * sizeof(*items));
        first[1] = draft->item_count;
        return;
    }
    for (uint32_t i = 0; i < draft->item_count; i++)
        first[draft->items[i].shard + 1]++;
    for (uint32_t s = 1; s <= shards; s++)
        first[s] += first[s - 1];
    for (uint32_t i = 0; i < draft->item_count; i++)
        items[first[draft->items[i].shard]++] = draft->items[i];
    for (uint32_t s = shards; s > 0; s--) /* each is where the next one was by now */
        first[s] = first[s - 1];
    first[0] = 0;
}

/* The draft in memory of its own. */
static struct race_batch *batch_make(const struct race_draft *draft, uint32_t shards)
{
    size_t items = draft->item_count * sizeof(*draft->items);
    size_t marks = draft->mark_count * sizeof(*draft->marks);
    size_t records = draft->record_count * sizeof(*draft->records);
    size_t first = (shards + 1) * sizeof(uint32_t);
    char *memory =
        memory_resize(NULL, 1, sizeof(struct race_batch) + items + marks + records + first);
    struct race_batch *batch = (struct race_batch *)(void *)memory;
    memory += sizeof(*batch);
    struct race_item *sorted = (struct race_item *)(void *)memory;
    uint32_t *begin = (uint32_t *)(void *)(memory + items + marks + records);
    *batch = (struct race_batch){.count = draft->count,
                                 .mark_count = draft->mark_count,
                                 .items = sorted,
                                 .marks = memcpy(memory + items, draft->marks, marks),
                                 .records = memcpy(memory + items + marks, draft->records, records),
                                 .first = begin};
    atomic_init(&batch->users, shards);
    sort_items(draft, shards, sorted, begin);
    return batch;
}

/* Reads the next batch of a stream, if there is one. */
static void read_on(struct race_source *source, uint32_t stream)
{
    struct race_feed *feed = source->feeds[stream];
    const struct race_scan_stream *scanned = &source->scan->streams[stream];
    uint64_t granted = source->final ? scanned->all_records : scanned->granted;
    if (feed->ended || (feed->read >= granted && !source->final))
        return;
    if (!feed->reader)
        feed->reader = race_reader_new(source->scan, stream);
    bool more = race_reader_fill(source, feed->reader, granted - feed->read);
    feed->read += source->draft.count;
    feed->needs = stream_place_needs(&feed->reader->cursor.place, TRACE_ACCESS_OFFSET);
    if (source->draft.count) {
        struct race_batch *batch = batch_make(&source->draft, source->shards), *last = feed->last;
        batch->number = last->number + 1;
        feed->last = batch;
        atomic_store(&feed->batches, batch->number);
        atomic_store(&last->next, batch);
    }
    if (!source->final || (more && feed->read < granted))
        return;
    feed->ended = true;
    race_reader_free(feed->reader);
    feed->reader = NULL;
}

struct race_batch *race_source_next(struct race_source *source, uint32_t shard, uint32_t stream,
                                    struct race_batch *from)
{
    struct race_batch *next = atomic_load(&from->next);
    if (!next) {
        pthread_mutex_lock(&source->lock);
        next = atomic_load(&from->next);
        if (!next) {
            read_on(source, stream);
            next = atomic_load(&from->next);
        }
        pthread_mutex_unlock(&source->lock);
        if (!next)
            return NULL;
    }
    race_batch_done(from);
    note_taken(source, shard);
    const struct race_feed *feed = source->feeds[stream];
    if (source->shards > 1 && atomic_load(&feed->batches) < next->number + RACE_AHEAD &&
        pthread_mutex_trylock(&source->lock) == 0) {
        if (atomic_load(&feed->batches) < next->number + RACE_AHEAD)
            read_on(source, stream);
        pthread_mutex_unlock(&source->lock);
    }
    return next;
}

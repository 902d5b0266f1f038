/*
 * Batches, who may have them and who reads them: see race_source.h.
 *
 * Invariant: a batch is freed when all workers have gone on from it, and none goes on before it is
 * linked to the next one; so the last batch of a stream, to which the next will be linked, is there.
 * The worker that has taken the fewest batches never waits for another one, since all it needs up
 * to where that one is has been read, or is being read by a thread that waits for nobody.
 */
#include "analyzer/race_source.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"

#define WAKE_AFTER \
    4u /* batches that were freed: waking a helper for each would cost more than it reads */

void race_source_open(struct race_source *source, const struct race_scan *scan, uint32_t shards,
                      uint32_t helpers)
{
    source->scan = scan;
    source->shards = shards;
    source->helpers = helpers;
    source->leads = memory_pages(shards, sizeof(*source->leads));
    source->drafts = memory_get(shards + helpers, sizeof(*source->drafts));
    for (uint32_t i = 0; i < shards + helpers; i++)
        source->drafts[i] = memory_get(1, sizeof(*source->drafts[i]));
    race_places_open(&source->places);
    pthread_mutex_init(&source->places_lock, NULL);
    pthread_mutex_init(&source->lead_lock, NULL);
    pthread_cond_init(&source->lead_moved, NULL);
    pthread_mutex_init(&source->help_lock, NULL);
    pthread_cond_init(&source->help_wanted, NULL);
    race_source_again(source, false);
}

static void reader_close(struct race_feed *feed)
{
    if (!feed->reader)
        return;
    race_reader_free(feed->reader);
    feed->reader = NULL;
    atomic_fetch_sub(&feed->source->opened, 1);
}

void race_source_close(struct race_source *source)
{
    for (uint32_t i = 0; i < source->feed_count; i++) {
        reader_close(source->feeds[i]);
        pthread_mutex_destroy(&source->feeds[i]->lock);
        free(source->feeds[i]);
    }
    for (uint32_t i = 0; i < source->shards + source->helpers; i++) {
        free(source->drafts[i]->path);
        free(source->drafts[i]);
    }
    free(source->drafts);
    free(source->feeds);
    memory_pages_free(source->leads, source->shards, sizeof(*source->leads));
    race_places_close(&source->places);
    pthread_mutex_destroy(&source->places_lock);
    pthread_mutex_destroy(&source->lead_lock);
    pthread_cond_destroy(&source->lead_moved);
    pthread_mutex_destroy(&source->help_lock);
    pthread_cond_destroy(&source->help_wanted);
}

static struct race_feed *feed_new(struct race_source *source)
{
    pthread_mutexattr_t attributes;
    struct race_feed *feed = memory_get(1, sizeof(*feed));
    feed->source = source;
    feed->last = &feed->head;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP); /* held for microseconds */
    pthread_mutex_init(&feed->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return feed;
}

void race_source_again(struct race_source *source, bool final)
{
    uint32_t count = source->scan->stream_count;
    source->final = final;
    source->feeds = memory_resize(source->feeds, count, sizeof(*source->feeds));
    for (; source->feed_count < count; source->feed_count++)
        source->feeds[source->feed_count] = feed_new(source);
    for (uint32_t i = 0; i < count; i++)
        if (source->feeds[i]->reader)
            access_resume(&source->feeds[i]->reader->cursor);
    atomic_store(&source->working, source->shards);
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

static void wait_for_room(struct race_source *source, const struct race_draft *draft)
{
    pthread_mutex_lock(&source->help_lock);
    atomic_fetch_add(&source->idle, 1); /* before it is looked for room: see race_batch_done */
    while (atomic_load(&source->working) && atomic_load(&source->freed) == draft->seen)
        pthread_cond_wait(&source->help_wanted, &source->help_lock);
    atomic_fetch_sub(&source->idle, 1);
    pthread_mutex_unlock(&source->help_lock);
}

static void wake_helpers(struct race_source *source)
{
    pthread_mutex_lock(&source->help_lock);
    pthread_cond_broadcast(&source->help_wanted);
    pthread_mutex_unlock(&source->help_lock);
}

void race_source_leave(struct race_source *source)
{
    if (atomic_fetch_sub(&source->working, 1) == 1)
        wake_helpers(source);
}

void race_source_wait(struct race_source *source, uint32_t shard)
{
    if (shard >= source->shards) {
        wait_for_room(source, source->drafts[shard]);
        return;
    }
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
    if (!batch->number || atomic_fetch_sub(&batch->users, 1) != 1)
        return;
    struct race_source *source = batch->feed->source;
    atomic_fetch_sub(&batch->feed->held, batch->bytes);
    free(batch);
    uint32_t freed = atomic_fetch_add(&source->freed, 1);
    if (atomic_load(&source->idle) && freed % WAKE_AFTER == 0)
        wake_helpers(source);
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
    size_t bytes = sizeof(struct race_batch) + items + marks + records + first;
    char *memory = memory_resize(NULL, 1, bytes);
    struct race_batch *batch = (struct race_batch *)(void *)memory;
    memory += sizeof(*batch);
    struct race_item *sorted = (struct race_item *)(void *)memory;
    uint32_t *begin = (uint32_t *)(void *)(memory + items + marks + records);
    *batch = (struct race_batch){.bytes = (uint32_t)bytes,
                                 .count = draft->count,
                                 .mark_count = draft->mark_count,
                                 .items = sorted,
                                 .marks = memcpy(memory + items, draft->marks, marks),
                                 .records = memcpy(memory + items + marks, draft->records, records),
                                 .first = begin};
    atomic_init(&batch->users, shards);
    sort_items(draft, shards, sorted, begin);
    return batch;
}

/* Reads the next batch of a stream; false if there is none. */
static bool read_on(struct race_source *source, struct race_draft *draft, uint32_t stream)
{
    struct race_feed *feed = source->feeds[stream];
    const struct race_scan_stream *scanned = &source->scan->streams[stream];
    uint64_t granted = source->final ? scanned->all_records : scanned->granted;
    if (feed->ended || (feed->read >= granted && !source->final))
        return false;
    if (!feed->reader) {
        feed->reader = race_reader_new(source->scan, stream);
        feed->open = true;
        atomic_fetch_add(&source->opened, 1);
    }
    bool more = race_reader_fill(source, feed->reader, draft, granted - feed->read);
    feed->read += draft->count;
    feed->needs = stream_place_needs(&feed->reader->cursor.place, TRACE_ACCESS_OFFSET);
    if (draft->count) {
        struct race_batch *batch = batch_make(draft, source->shards), *last = feed->last;
        batch->number = last->number + 1;
        batch->feed = feed;
        atomic_fetch_add(&feed->held, batch->bytes);
        feed->last = batch;
        atomic_store(&last->next, batch);
    }
    if (source->final && (!more || feed->read >= granted)) {
        feed->ended = true;
        reader_close(feed);
    }
    return draft->count != 0;
}

struct race_batch *race_source_next(struct race_source *source, uint32_t shard, uint32_t stream,
                                    struct race_batch *from)
{
    struct race_feed *feed = source->feeds[stream];
    if (!atomic_load(&from->next)) {
        pthread_mutex_lock(&feed->lock);
        bool read = atomic_load(&from->next) || read_on(source, source->drafts[shard], stream);
        pthread_mutex_unlock(&feed->lock);
        if (!read)
            return NULL;
    }
    struct race_batch *next = atomic_load(&from->next);
    race_batch_done(from);
    note_taken(source, shard);
    return next;
}

/* ---- reading ahead ---- */

/* Whether a helper should look at the stream: looked at without its lock. */
static bool may_read(const struct race_source *source, uint32_t stream)
{
    const struct race_feed *feed = source->feeds[stream];
    uint32_t opened = atomic_load(&source->opened);
    uint64_t held = atomic_load(&feed->held);
    if (atomic_load(&feed->ended) || source->scan->trace->access[stream].size == 0)
        return false;
    if (!atomic_load(&feed->open) && opened >= RACE_OPEN)
        return false;
    return held == 0 || held < RACE_ROOM / (opened + 1);
}

/* Streams in turns, since those of workers that do not wait for each other are checked one after the
 * other. */
static bool read_ahead(struct race_source *source, struct race_draft *draft)
{
    for (uint32_t i = 0; i < source->feed_count; i++) {
        uint32_t stream = (draft->turn + i) % source->feed_count;
        struct race_feed *feed = source->feeds[stream];
        if (!may_read(source, stream) || pthread_mutex_trylock(&feed->lock) != 0)
            continue;
        bool read = read_on(source, draft, stream);
        pthread_mutex_unlock(&feed->lock);
        draft->turn = stream + 1;
        if (read)
            return true;
    }
    return false;
}

bool race_source_help(struct race_source *source, uint32_t part)
{
    struct race_draft *draft = source->drafts[part];
    do {
        if (atomic_load(&source->working) == 0)
            return true;
        draft->seen = atomic_load(&source->freed);
    } while (read_ahead(source, draft));
    return false;
}

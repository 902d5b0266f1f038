/*
 * Records read many at once are those that are read one by one, whatever the bytes are: of streams of random records,
 * and of these with damage. And masks of every shape are read as they were written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trace/codec.h"

#define RECORDS 600u
#define SIZE    (RECORDS * 24u)
#define LIMIT   (UINT64_C(1) << 40) /* of lines */
#define ROOM    7u

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static uint64_t random_mask(uint64_t *seed)
{
    uint64_t random = next_random(seed), few = random & random >> 13 & random >> 29;
    switch (random & 7) {
    case 4:
        return (few & 0x5555555555555555u) * 3 | 3;
    case 5:
        return (few & 0x1111111111111111u) * 15 | 15;
    case 6:
        return (few & 0x0101010101010101u) * 255 | 255;
    case 7:
        return (few & UINT64_C(0xff) << (random >> 8 & 7) * 8) | UINT64_C(1) << (random >> 58);
    case 0:
        return random | 1;
    case 1:
        return (~UINT64_C(0) >> (random >> 8 & 63)) << (random >> 20 & 15);
    default:
        return UINT64_C(0xff) << (random >> 8 & 7) * 8;
    }
}

static struct trace_access written[RECORDS];

/* Some lines of one site, from the first on: what `like` says of the others. Returns how many. */
static uint32_t make_lines(struct trace_access_codec *codec, uint8_t **p, uint64_t *seed,
                           const struct trace_access *like, struct trace_access *made)
{
    struct trace_line lines[TRACE_LINES_MAX];
    uint32_t count = 1 + (uint32_t)(next_random(seed) % TRACE_LINES_MAX);
    uint64_t line = like->address / 64, mask = like->mask;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t what = next_random(seed);
        line += what & 3 ? what >> 8 & 63 : (what >> 8 & 0xffffff) - 0x800000;
        line %= LIMIT + 1;
        if (what & 4)
            mask = random_mask(seed);
        lines[i] = (struct trace_line){.line = line, .mask = mask};
        made[i] = *like;
        made[i].address = line * 64;
        made[i].mask = mask;
        made[i].run = 0;
    }
    *p = trace_lines_put(codec, *p, (uint8_t)like->kind, like->pc, like->context, lines, count);
    return count;
}

/* Mostly lines, of a few sites, near each other and far apart; some of them in rounds, in which most is foreseen. */
static size_t make_stream(uint8_t *bytes, uint64_t *seed)
{
    struct trace_access_codec *codec = calloc(1, sizeof(*codec));
    uint8_t *p = bytes;
    assert_non_null(codec);
    uint64_t line = 1 << 20;
    uint32_t few = 1 + (uint32_t)(next_random(seed) % 40);
    uint64_t object = next_random(seed) >> 24;
    for (uint32_t i = 0; i < RECORDS; i++) {
        uint64_t what = next_random(seed), site = next_random(seed) % few;
        struct trace_access record = {.type = TRACE_ACCESS_LINE, .stride = what >> 40 & 1 ? -1 : 1};
        line += what >> 8 & 1 ? what >> 16 & 3 : (what >> 16 & 0xffff) - 0x8000;
        if (what % 97 == 0)
            line = what >> 30;
        record.pc = 0x400000 + site * 24 + (what % 89 == 0) * what;
        record.kind = (uint32_t)(site % 3);
        record.address = line % LIMIT * 64;
        record.mask = random_mask(seed);
        record.run = what % 31 == 0 ? 1 + (what >> 44 & 7) : 0;
        record.context = codec->context - (uint32_t)(what >> 50) % (1 + (codec->context & 1023));
        if (few > 20) { /* fields of objects, one after the other */
            site = i % 4;
            object = site ? object : next_random(seed) >> 24;
            record.pc = 0x500000 + site * 8;
            record.kind = (uint32_t)site;
            record.address = (object + site * 24) & ~UINT64_C(63);
            record.mask = UINT64_C(255) << (object + site * 24) % 64;
            record.context = codec->context - (codec->context > 2 ? (uint32_t)site % 3 : 0);
            record.run = 0;
            what |= what % 40 != 0;
        }
        if (few < 9) { /* look-ups in two tables under many locks */
            site = what >> 20 & 1;
            object = (what >> 21 & 1 ? UINT64_C(0x3f0000000000) : UINT64_C(0x3f0008000000)) +
                     (what >> 24 & 0xffff) * (site ? 64u : 16u) + (what % 61 ? 0u : 8u) + site * 8;
            record.pc = 0x600000 + site * 8;
            record.kind = 0x30;
            record.address = object & ~UINT64_C(63);
            record.mask = UINT64_C(255) << object % 64;
            record.context = codec->context > 40 ? (uint32_t)(what >> 44 & 7) : codec->context;
        }
        if (what % 5 == 0)
            record.type = TRACE_ACCESS_CONTEXT;
        if (what % 41 == 0) {
            record.type = TRACE_ACCESS_SEGMENT;
            record.segment = codec->segment + 1;
        }
        if (record.type != TRACE_ACCESS_LINE)
            record.run = 0;
        if (record.type == TRACE_ACCESS_LINE && what % 37 == 0 && i + TRACE_LINES_MAX < RECORDS) {
            i += make_lines(codec, &p, seed, &record, written + i) - 1;
            continue;
        }
        p = trace_access_put(codec, p, &record);
        assert_true(p <= bytes + SIZE);
        written[i] = record;
    }
    free(codec);
    return (size_t)(p - bytes);
}

static bool beyond(const struct trace_access *record)
{
    return record->type == TRACE_ACCESS_LINE && record->address / 64 >= LIMIT;
}

/* How many records came many at once. */
static uint32_t compare(const uint8_t *bytes, size_t size)
{
    struct trace_access_codec *one = calloc(1, sizeof(*one)), *many = calloc(1, sizeof(*many));
    struct trace_access *expected = calloc(1, sizeof(*expected)),
                        *record = calloc(1, sizeof(*record));
    const uint8_t *p = bytes, *q = bytes, *end = bytes + size;
    const char *wrong = NULL, *error = NULL;
    uint32_t taken = 0;
    struct trace_line lines[ROOM];
    assert_true(one && many && expected && record);
    while (p < end && !wrong) {
        uint32_t count;
        q = trace_lines_get(many, q, end, LIMIT, lines, ROOM, &count);
        taken += count;
        for (uint32_t i = 0; i < count; i++) {
            size_t length = trace_access_get(one, p, end, expected, &wrong);
            assert_null(wrong);
            p += length;
            assert_int_equal(expected->type, TRACE_ACCESS_LINE);
            assert_int_equal(expected->run, 0);
            assert_int_equal(lines[i].line * 64, expected->address);
            assert_int_equal(lines[i].mask, expected->mask);
            assert_int_equal(lines[i].kind, expected->kind);
            assert_int_equal(lines[i].context, expected->context);
            assert_int_equal(many->sites[lines[i].site].kind, expected->kind);
            if (lines[i].site == one->site)
                assert_int_equal(many->sites[lines[i].site].pc, expected->pc);
            assert_false(beyond(expected));
        }
        assert_ptr_equal(p, q);
        assert_int_equal(memcmp(one, many, offsetof(struct trace_access_codec, lines_size)),
                         0); /* cmocka compares byte by byte */
        if (p == end)
            break;
        size_t length = trace_access_get(one, p, end, expected, &wrong);
        assert_int_equal(length, trace_access_get(many, q, end, record, &error));
        assert_true(wrong == error);
        p += length;
        q += length;
    }
    free(one);
    free(many);
    free(expected);
    free(record);
    return taken;
}

/* What was written is what is read. */
static void check_written(const uint8_t *bytes, size_t size)
{
    struct trace_access_codec *codec = calloc(1, sizeof(*codec));
    struct trace_access *record = calloc(1, sizeof(*record));
    const uint8_t *p = bytes;
    assert_true(codec && record);
    for (uint32_t i = 0; i < RECORDS; i++) {
        const char *error = NULL;
        const struct trace_access *expected = &written[i];
        p += trace_access_get(codec, p, bytes + size, record, &error);
        assert_null(error);
        assert_int_equal(record->type, expected->type);
        if (record->type == TRACE_ACCESS_SEGMENT)
            assert_int_equal(record->segment, expected->segment);
        if (record->type != TRACE_ACCESS_LINE)
            continue;
        assert_int_equal(record->pc, expected->pc);
        assert_int_equal(record->kind, expected->kind);
        assert_int_equal(record->address, expected->address);
        assert_int_equal(record->mask, expected->mask);
        assert_int_equal(record->context, expected->context);
        assert_int_equal(record->run, expected->run);
        assert_true(record->run == 0 || record->stride == expected->stride);
    }
    assert_ptr_equal(p, bytes + size);
    free(codec);
    free(record);
}

static void streams(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252u;
    uint8_t *bytes = malloc(SIZE);
    uint32_t taken = 0;
    assert_non_null(bytes);
    for (uint32_t i = 0; i < 400; i++) {
        size_t size = make_stream(bytes, &seed);
        check_written(bytes, size);
        taken += compare(bytes, size);
    }
    assert_true(taken > 400 * RECORDS / 2); /* else the usual case is not one */
    free(bytes);
}

/* Three fields of one object after the other, wherever these lie: a place for each object, and all else foreseen. */
static void objects(void **state)
{
    (void)state;
    enum { OBJECTS = 1000 };
    struct trace_access_codec *codec = calloc(1, sizeof(*codec));
    uint8_t *bytes = malloc(OBJECTS * 24), *p = bytes;
    uint64_t seed = 88172645463325252u;
    assert_true(codec && bytes);
    for (uint32_t i = 0; i < OBJECTS; i++) {
        uint64_t object = (next_random(&seed) >> 40) * 8;
        for (uint32_t field = 0; field < 3; field++) {
            uint64_t address = object + field * 40;
            p = trace_line_put(codec, p, (uint8_t)field, 0x400000 + field, address & ~UINT64_C(63),
                               UINT64_C(255) << address % 64, 0, 0, 1);
        }
    }
    assert_in_range(p - bytes, OBJECTS, OBJECTS * 7);
    assert_in_range(compare(bytes, (size_t)(p - bytes)), 2 * OBJECTS, 3 * OBJECTS);
    free(bytes);
    free(codec);
}

/* Lines of one site near each other, and alike, take a byte each; and what is cut short, or has another size than it says, is
 * refused without a trace in the codec. */
static void lines_of_a_site(void **state)
{
    (void)state;
    struct trace_access_codec *codec = calloc(1, sizeof(*codec)), *old = calloc(1, sizeof(*old));
    struct trace_access *record = calloc(1, sizeof(*record));
    struct trace_line lines[TRACE_LINES_MAX];
    uint8_t bytes[TRACE_RECORD_MAX];
    assert_true(codec && old && record);
    for (uint32_t i = 0; i < TRACE_LINES_MAX; i++)
        lines[i] = (struct trace_line){.line = 1000 + 3 * i, .mask = 255u << 8 * (i / 20)};
    size_t size =
        (size_t)(trace_lines_put(codec, bytes, 0x31, 0x400000, 0, lines, TRACE_LINES_MAX) - bytes);
    assert_in_range(size, TRACE_LINES_MAX, TRACE_LINES_MAX + 24);
    memset(codec, 0, sizeof(*codec));
    for (uint32_t damage = 0; damage < 4; damage++) {
        uint8_t wrong[TRACE_RECORD_MAX];
        size_t have = damage == 0 ? size - 1 : size;
        const char *error = NULL;
        memcpy(wrong, bytes, size);
        wrong[1] = damage == 1 ? TRACE_LINES_MAX + 1 : damage == 2 ? 0 : wrong[1];
        wrong[2] = (uint8_t)(wrong[2] - (damage == 3));
        assert_int_equal(trace_access_get(codec, wrong, wrong + have, record, &error), 0);
        assert_non_null(error);
        assert_memory_equal(codec, old, offsetof(struct trace_access_codec, lines));
    }
    free(codec);
    free(old);
    free(record);
}

/* Look-ups by one site in two tables far apart, each under one of 64 locks: two bytes for the place, one for the context. */
static void lookups(void **state)
{
    (void)state;
    enum { LOOKUPS = 4000, LOCKS = 64 };
    struct trace_access_codec *put = calloc(1, sizeof(*put)), *get = calloc(1, sizeof(*get));
    struct trace_access *record = calloc(1, sizeof(*record));
    uint8_t *bytes = malloc(LOOKUPS * 24), *p = bytes;
    uint64_t seed = 88172645463325252u;
    assert_true(put && get && record && bytes);
    for (uint32_t i = 0; i < 2 * LOCKS; i++) {
        record->type = TRACE_ACCESS_CONTEXT;
        p = trace_access_put(put, p, record);
    }
    const uint8_t *first = p, *q = bytes;
    for (uint32_t round = 0; round < 2; round++) {
        uint64_t random = seed;
        for (uint32_t i = 0; i < LOOKUPS; i++) {
            uint64_t what = next_random(&random), item = what >> 20 & 0x7fff;
            uint64_t address = (what >> 50 & 1 ? UINT64_C(0x3f0000000000) : 0x55550000) + item * 64;
            uint32_t context = 1 + (uint32_t)(what >> 54) % LOCKS;
            if (round == 0) {
                p = trace_line_put(put, p, 0x30, 0x401000, address, 0xff00, context, 0, 1);
                continue;
            }
            do {
                const char *error = NULL;
                q += trace_access_get(get, q, p, record, &error);
                assert_null(error);
            } while (record->type == TRACE_ACCESS_CONTEXT);
            assert_int_equal(record->address, address);
            assert_int_equal(record->mask, 0xff00);
            assert_int_equal(record->context, context);
        }
    }
    assert_ptr_equal(p, q);
    assert_in_range(p - first, 3 * LOOKUPS, 5 * LOOKUPS);
    assert_in_range(compare(bytes, (size_t)(p - bytes)), LOOKUPS / 4 * 3, LOOKUPS);
    free(bytes);
    free(record);
    free(put);
    free(get);
}

/* A new site takes the entry of an old one: a line that names that entry was read, and its pc taken, before. */
static void lines_of_many_sites(void **state)
{
    (void)state;
    enum { RECORDS_MADE = 2 * TRACE_SITES };
    struct trace_access_codec *codec = calloc(1, sizeof(*codec));
    uint8_t *bytes = malloc(RECORDS_MADE * 16), *p = bytes;
    static uint64_t pcs[RECORDS_MADE];
    assert_true(codec && bytes);
    for (uint32_t i = 0; i < RECORDS_MADE; i++) {
        /* First as many as there are entries; then one that goes next, and the one that takes its place, in turn. */
        uint32_t next = i < TRACE_SITES ? i : (i - TRACE_SITES) / 2;
        pcs[i] = 0x400000 + (i < TRACE_SITES || i % 2 == 0 ? next : TRACE_SITES + next);
        p = trace_lines_put(codec, p, 0x31, pcs[i], 0, &(struct trace_line){.line = i, .mask = 15},
                            1);
    }
    memset(codec, 0, sizeof(*codec));
    const uint8_t *q = bytes;
    for (uint32_t i = 0, count; i < RECORDS_MADE; i += count) {
        struct trace_line lines[64];
        q = trace_lines_get(codec, q, p, LIMIT, lines, 64, &count);
        assert_int_not_equal(count, 0);
        for (uint32_t k = 0; k < count; k++) {
            assert_int_equal(lines[k].line, i + k);
            assert_int_equal(codec->sites[lines[k].site].pc, pcs[i + k]);
        }
    }
    assert_ptr_equal(q, p);
    free(bytes);
    free(codec);
}

/* More sites than the dictionary holds: the oldest make way, and come back as new ones. Of as many as fill three quarters of
 * it nearly all are found again, wherever they lie. */
static void many_sites(void **state)
{
    (void)state;
    enum { ROUNDS = 3, MOST = 2 * TRACE_SITES };
    static uint64_t pcs[MOST];
    uint8_t *bytes = malloc((size_t)MOST * ROUNDS * 24);
    assert_non_null(bytes);
    for (uint32_t count = TRACE_SITES / 4 * 3; count <= MOST; count += TRACE_SITES / 4 * 5) {
        struct trace_access_codec *codec = calloc(1, sizeof(*codec));
        assert_non_null(codec);
        uint64_t seed = 521288629u + count;
        uint32_t again = 0;
        uint8_t *p = bytes;
        for (uint32_t i = 0; i < count; i++)
            pcs[i] = next_random(&seed) >> 17 | 1;
        for (uint32_t i = 0; i < ROUNDS * count; i++) {
            uint16_t before = codec->site_new;
            uint64_t pc = pcs[i / count == 1 ? (uint32_t)(next_random(&seed) % count) : i % count];
            p = trace_line_put(codec, p, 0x21, pc, 0x10000, 15, 0, 0, 1);
            again += codec->site_new == before;
        }
        free(codec);
        if (count < TRACE_SITES)
            assert_in_range(again, (ROUNDS - 1) * count * 9 / 10, (ROUNDS - 1) * count);
        assert_in_range(compare(bytes, (size_t)(p - bytes)), 1, ROUNDS * count);
    }
    free(bytes);
}

/* In memory of its very size, so that a sanitizer sees what is read behind it. */
static void damage(void **state)
{
    (void)state;
    uint64_t seed = 362436069u;
    uint8_t *bytes = malloc(SIZE);
    assert_non_null(bytes);
    for (uint32_t i = 0; i < 2000; i++) {
        size_t size = make_stream(bytes, &seed);
        uint8_t *damaged = malloc(size);
        assert_non_null(damaged);
        memcpy(damaged, bytes, size);
        for (uint32_t hits = 1 + i % 4; hits; hits--) {
            uint64_t random = next_random(&seed);
            damaged[random % size] = (uint8_t)(random >> 32 & 0xff);
        }
        compare(damaged, size - i % 7);
        free(damaged);
    }
    free(bytes);
}

/* Masks of all shapes, each told and then again, are read as they were written, and take at most so many bytes. */
static void masks_roundtrip(const uint64_t *some, size_t count, size_t most)
{
    static struct trace_access_codec put, get, before;
    memset(&put, 0, sizeof(put));
    memset(&get, 0, sizeof(get));
    struct trace_access *record = malloc(sizeof(*record));
    assert_non_null(record);
    for (size_t i = 0; i < 4 * count; i++) {
        /* Another mask between them, so that it is not that of the site's last record. */
        uint64_t mask = i % 2 ? some[i / 4] : some[i / 4] == 1 ? 2 : 1;
        const char *error = NULL;
        uint8_t bytes[TRACE_RECORD_MAX];
        uint8_t *end = trace_line_put(&put, bytes, 0x21, 0x401000, 0x10000, mask, 0, 0, 1);
        size_t size = (size_t)(end - bytes);
        before = get;
        assert_int_equal(trace_access_get(&get, bytes, end, record, &error), size);
        assert_null(error);
        assert_int_equal(record->mask, mask);
        if (i > 1)
            assert_in_range(size, 1, i % 2 ? 2 + most : 4);
        while (i < 256 && --end > bytes) { /* cut short it is no record */
            static struct trace_access_codec copy;
            copy = before;
            assert_int_equal(trace_access_get(&copy, bytes, end, record, &error), 0);
            assert_non_null(error);
        }
    }
    free(record);
}

static void masks(void **state)
{
    (void)state;
    static uint64_t some[2080];
    size_t count = 0;
    for (unsigned start = 0; start < 64; start++)
        for (unsigned length = 1; start + length <= 64; length++)
            some[count++] = ~UINT64_C(0) >> (64 - length) << start;
    masks_roundtrip(some, count, 3);
    static const struct {
        unsigned step, bytes;
    } sizes[] = {{2, 5}, {4, 3}, {8, 2}, {1, 9}};
    uint64_t seed = 0x2545f4914f6cdd1d;
    for (size_t s = 0; s < 4; s++) {
        uint64_t group = (UINT64_C(1) << sizes[s].step) - 1;
        for (count = 0; count < 1000;) {
            uint64_t bits = 0, random = next_random(&seed) & next_random(&seed);
            for (unsigned i = 0; i < 64 / sizes[s].step; i++)
                bits |= (random >> i & 1 ? group : 0) << i * sizes[s].step;
            some[count] = bits;
            count += bits != 0 && ~bits != 0;
        }
        masks_roundtrip(some, count, sizes[s].bytes < 3 ? 3 : sizes[s].bytes);
    }
    for (count = 0; count < 64; count++) /* two bytes far apart */
        some[count] = UINT64_C(1) << count | UINT64_C(1) << (count + 29) % 64;
    masks_roundtrip(some, count, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(streams),
                                       cmocka_unit_test(damage),
                                       cmocka_unit_test(masks),
                                       cmocka_unit_test(objects),
                                       cmocka_unit_test(lookups),
                                       cmocka_unit_test(lines_of_a_site),
                                       cmocka_unit_test(lines_of_many_sites),
                                       cmocka_unit_test(many_sites)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

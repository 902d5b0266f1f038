/*
 * Records read many at once are those that are read one by one, whatever the bytes are: of streams of random records,
 * and of these with damage.
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

/* Mostly lines, of a few sites, near each other and far apart. */
static size_t make_stream(uint8_t *bytes, uint64_t *seed)
{
    struct trace_access_codec *codec = calloc(1, sizeof(*codec));
    uint8_t *p = bytes;
    assert_non_null(codec);
    uint64_t line = 1 << 20;
    uint32_t few = 1 + (uint32_t)(next_random(seed) % 40);
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
        if (what % 5 == 0)
            record.type = TRACE_ACCESS_CONTEXT;
        if (what % 41 == 0) {
            record.type = TRACE_ACCESS_SEGMENT;
            record.segment = codec->segment + 1;
        }
        p = trace_access_put(codec, p, &record);
        assert_true(p <= bytes + SIZE);
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
            assert_int_not_equal(length, 0);
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
        assert_memory_equal(one, many, sizeof(*one));
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

static void streams(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252u;
    uint8_t *bytes = malloc(SIZE);
    uint32_t taken = 0;
    assert_non_null(bytes);
    for (uint32_t i = 0; i < 400; i++)
        taken += compare(bytes, make_stream(bytes, &seed));
    assert_true(taken > 400 * RECORDS / 2); /* else the usual case is not one */
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(streams), cmocka_unit_test(damage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

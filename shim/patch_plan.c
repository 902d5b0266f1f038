/*
 * How each entry of the original is diverted into the copy: by a jump of five bytes where they are free; else by a short
 * jump to five dead bytes nearby; or not at all, where nothing is recorded before control leaves or comes to a call
 * (native), or where there is no room (failed: what follows runs unrecorded).
 *
 * Invariant: an original byte is overwritten only if no entry that stays native, or failed, executes it; the bytes of an
 * entry's jump hold no other entry.
 */
#include "shim/patch_code.h"

#include "shim/banned.h"
#include "shim/patch_scan.h"

#define JUMP_BYTES   5u
#define HOP_BYTES    2u
#define HOP_REACH    128
#define PADDING_MOST 64u /* longer gaps between functions are not taken for padding */
#define NATIVE_BYTES \
    40u /* a longer stretch without accesses is worth the jump: it may end in a loop */

/* Bytes between functions that are only there for alignment. */
static void padding(struct patch_image *image, uint32_t from, uint32_t to)
{
    if (to - from >= PADDING_MOST)
        return;
    for (uint32_t at = from; at < to;) {
        uint8_t byte = image->bytes[at];
        if (byte == 0x90 || byte == 0xcc) {
            at++;
            continue;
        }
        struct patch_instruction in;
        uint64_t value;
        if (!patch_scan(image->bytes + at, to - at, (uintptr_t)image->text + at, &in, &value) ||
            in.trait != TRAIT_NOP)
            return;
        at += in.length;
    }
    for (uint32_t at = from; at < to; at++)
        image->marks[at] |= MARK_PADDING;
}

static void mark_bytes(struct patch_image *image, uint32_t from, uint32_t to, uint8_t mark)
{
    for (; from + 8 <= to; from += 8) {
        uint64_t eight;
        __builtin_memcpy(&eight, image->marks + from, sizeof eight);
        eight |= mark * UINT64_C(0x0101010101010101);
        __builtin_memcpy(image->marks + from, &eight, sizeof eight);
    }
    for (; from < to; from++)
        image->marks[from] |= mark;
}

/* With CET control must arrive at an endbr64; it stays, and the jump goes behind it. */
static void skip_landing_mark(struct patch_image *image, const struct patch_turn *turn)
{
    uint32_t next = turn->offset + turn->length;
    if (!(image->marks[turn->offset] & MARK_ENTRY) || !(image->marks[next] & MARK_START))
        return;
    image->marks[turn->offset] &= (uint8_t)~MARK_ENTRY;
    image->marks[next] |= MARK_ENTRY;
    mark_bytes(image, turn->offset, next, MARK_KEEP);
}

static void mark_functions(struct patch_image *image)
{
    for (uint32_t i = 0; i < image->function_count; i++) {
        const struct patch_function *function = &image->functions[i];
        if (function->skipped || function->native)
            continue;
        mark_bytes(image, function->start, function->end, MARK_BODY);
        EACH_TURN(image, function, turn)
        {
            if (flow_calls(turn->flow))
                mark_bytes(image, turn->offset, turn->offset + turn->length, MARK_KEEP);
            else if (turn->trait == TRAIT_ENDBR)
                skip_landing_mark(image, turn);
        }
        uint32_t next =
            i + 1 < image->function_count ? image->functions[i + 1].start : function->end;
        padding(image, function->end, next);
    }
}

/* From the entry on, nothing is recorded until the function is left or a call comes: *length of what must then stay. */
static bool stays_native(const struct patch_image *image, const struct patch_function *function,
                         uint32_t offset, uint32_t *length)
{
    const struct patch_instruction *in;
    struct patch_instruction room;
    *length = 0;
    for (uint32_t at = offset; at < function->end; at += in->length) {
        in = image_instruction(image, function, at, &room);
        if (at > offset && image->marks[at] & MARK_ENTRY)
            return true;
        if (flow_calls(in->flow))
            return !instruction_checked(in);
        if (instruction_checked(in) || in->flow == FLOW_BRANCH || in->flow == FLOW_JUMP ||
            in->flow == FLOW_LOOP)
            return false;
        *length += in->length;
        if (in->flow != FLOW_NEXT)
            return true;
        if (*length > NATIVE_BYTES)
            return false;
    }
    return image->marks[function->end] & MARK_ENTRY;
}

/* Bytes from an entry on that a jump may take. */
static uint32_t room_at(const struct patch_image *image, uint32_t offset)
{
    uint32_t room = 0;
    while (room < JUMP_BYTES && offset + room < image->size) {
        uint8_t mark = image->marks[offset + room];
        if (mark & MARK_KEEP || !(mark & (MARK_BODY | MARK_PADDING)) || (room && mark & MARK_ENTRY))
            break;
        room++;
    }
    return room;
}

/*
 * A short or failed entry runs (part of) its original bytes or takes two: where those branch, control goes on in the
 * original, so the targets become entries too. Returns whether there is a new one.
 */
static bool entries_behind(struct patch_image *image, const struct patch_function *function,
                           uint32_t offset, uint32_t room)
{
    struct patch_instruction again;
    bool new = false;
    for (uint32_t b = 0; b < room; b++) {
        if (!(image->marks[offset + b] & MARK_START))
            continue;
        const struct patch_instruction *in = image_instruction(image, function, offset + b, &again);
        if (in->target == PATCH_NOWHERE || in->flow == FLOW_CALL || in->flow == FLOW_NEXT)
            continue;
        uint8_t *mark = &image->marks[in->target];
        if (*mark & MARK_START && !(*mark & MARK_ENTRY)) {
            *mark |= MARK_ENTRY;
            new = true;
        }
    }
    return new;
}

/*
 * The first place from `at` on whose byte has one of `bits`, or the end. Eight bytes at a time: entries are one byte in
 * twenty, and there are a dozen such passes. Both arrays have eight bytes more than the text.
 */
static uint32_t next_with(const struct patch_image *image, const uint8_t *bytes, uint8_t bits,
                          uint32_t at)
{
    for (; at < image->size; at += 8) {
        uint64_t eight;
        __builtin_memcpy(&eight, bytes + at, sizeof eight);
        eight &= bits * UINT64_C(0x0101010101010101);
        if (!eight)
            continue;
        at += (uint32_t)__builtin_ctzll(eight) / 8;
        return at < image->size ? at : image->size;
    }
    return image->size;
}

uint32_t patch_next_planned(const struct patch_image *image, uint32_t at)
{
    return next_with(image, image->plan, 0xff, at);
}

#define EACH_ENTRY(image, at)                                                               \
    for (uint32_t at = next_with(image, (image)->marks, MARK_ENTRY, 0); at < (image)->size; \
         at = next_with(image, (image)->marks, MARK_ENTRY, at + 1))
#define EACH_PLANNED(image, at)                                                      \
    for (uint32_t at = next_with(image, (image)->plan, 0xff, 0); at < (image)->size; \
         at = next_with(image, (image)->plan, 0xff, at + 1))

/* Offsets come in ascending order: a search for each was a twentieth of the time. */
static const struct patch_function *function_at(const struct patch_image *image, uint32_t offset,
                                                uint32_t *near)
{
    while (*near + 1 < image->function_count && image->functions[*near].end <= offset)
        ++*near;
    const struct patch_function *function = &image->functions[*near];
    return function->start <= offset && offset < function->end ? function
                                                               : image_function(image, offset);
}

/* Returns whether there are more entries now. */
static bool classify_entry(struct patch_image *image, const struct patch_function *function,
                           uint32_t at)
{
    uint32_t length;
    if (stays_native(image, function, at, &length)) {
        image->plan[at] = PLAN_NATIVE;
        mark_bytes(image, at, at + length, MARK_KEEP);
        return false;
    }
    uint32_t room = room_at(image, at);
    image->plan[at] = room >= JUMP_BYTES ? PLAN_JUMP : room >= HOP_BYTES ? PLAN_HOP : PLAN_FAILED;
    return room < JUMP_BYTES && entries_behind(image, function, at, room);
}

/* Entries that were not known when it was called before; and the jumps before them, which may have to be shorter. */
static bool classify(struct patch_image *image)
{
    const uint8_t wanted = MARK_ENTRY | MARK_BODY | MARK_START;
    bool again = false;
    uint32_t near = 0;
    EACH_ENTRY(image, at)
    {
        if ((image->marks[at] & wanted) != wanted || image->plan[at] != PLAN_NONE)
            continue;
        again |= classify_entry(image, function_at(image, at, &near), at);
        for (uint32_t back = 1; back < JUMP_BYTES && back <= at; back++)
            if (image->plan[at - back] == PLAN_JUMP || image->plan[at - back] == PLAN_HOP)
                again |= classify_entry(image, image_function(image, at - back), at - back);
    }
    return again;
}

/* The original code that a hop's or a failed entry's control may run through. */
static void reserve(struct patch_image *image, const struct patch_function *function,
                    uint32_t offset)
{
    for (uint32_t at = offset; at < function->end; at++) {
        if (image->marks[at] & MARK_KEEP || (at > offset && image->marks[at] & MARK_ENTRY))
            return;
        image->marks[at] |= MARK_USED;
    }
}

static uint32_t hole_near(const struct patch_image *image, uint32_t offset, uint8_t kinds)
{
    int64_t low = (int64_t)offset + HOP_BYTES - HOP_REACH,
            high = (int64_t)offset + HOP_BYTES + HOP_REACH - 1 + JUMP_BYTES;
    uint32_t run = 0;
    for (int64_t at = low < 0 ? 0 : low; at < high && at < image->size; at++) {
        uint8_t mark = image->marks[at];
        run = mark & kinds && !(mark & (MARK_KEEP | MARK_USED | MARK_ENTRY)) ? run + 1 : 0;
        if (run >= JUMP_BYTES)
            return (uint32_t)(at - (JUMP_BYTES - 1));
    }
    return PATCH_NOWHERE;
}

static void find_holes(struct patch_image *image)
{
    EACH_PLANNED(image, at)
    {
        if (image->plan[at] != PLAN_HOP)
            continue;
        uint32_t hole = hole_near(image, at, MARK_PADDING);
        if (hole == PATCH_NOWHERE)
            hole = hole_near(image, at, MARK_PADDING | MARK_BODY);
        if (hole == PATCH_NOWHERE) {
            image->plan[at] = PLAN_FAILED;
            continue;
        }
        image->hole[at] = hole;
        for (uint32_t b = 0; b < JUMP_BYTES; b++)
            image->marks[hole + b] |= MARK_USED;
    }
}

bool patch_plan_entries(struct patch_image *image)
{
    image->plan = arena_take_zeroed(image->arena, (size_t)image->size + 8);
    image->hole = arena_take(image->arena, ((size_t)image->size + 1) * sizeof *image->hole);
    if (!image->plan || !image->hole)
        return false;
    mark_functions(image);
    while (classify(image))
        ;
    uint32_t near = 0;
    EACH_PLANNED(image, at)
    {
        if (image->plan[at] == PLAN_JUMP)
            for (uint32_t b = 0; b < JUMP_BYTES; b++)
                image->marks[at + b] |= MARK_USED;
        else if (image->plan[at] == PLAN_HOP || image->plan[at] == PLAN_FAILED)
            reserve(image, function_at(image, at, &near), at);
    }
    find_holes(image);
    EACH_PLANNED(image, at)
    if (image->plan[at] == PLAN_FAILED)
        image->marks[at] |= MARK_FAILED;
    return true;
}

/* ---- what it comes to ---- */

/* Candidates in straight code behind an entry that could not be diverted. */
static uint32_t unreached_behind(const struct patch_image *image,
                                 const struct patch_function *function, uint32_t first)
{
    uint32_t count = 0;
    for (uint32_t i = first; i < function->last; i++) {
        const struct patch_instruction *in = &image->instructions[i];
        if (i > first && image_marked(image, in->offset, MARK_ENTRY))
            break;
        count += instruction_candidate(in) && in->memory != MEMORY_UNSUPPORTED;
        if (in->flow != FLOW_NEXT)
            break;
    }
    return count;
}

static void count_function(struct patch_image *image, const struct patch_function *function)
{
    struct patch_statistics *s = &image->statistics;
    s->functions++;
    s->native_functions += function->native;
    for (uint32_t k = function->first; k < function->last; k++) {
        const struct patch_instruction *in = &image->instructions[k];
        if (image_marked(image, in->offset, MARK_FAILED))
            s->unreached += unreached_behind(image, function, k);
        if (!instruction_candidate(in))
            continue;
        s->instructions++;
        if (in->memory == MEMORY_UNSUPPORTED)
            s->unsupported += !function->native;
        else
            s->recorded += !function->native;
    }
}

void patch_count(struct patch_image *image)
{
    struct patch_statistics *s = &image->statistics;
    for (uint32_t i = 0; i < image->function_count; i++)
        if (!image->functions[i].skipped)
            count_function(image, &image->functions[i]);
    s->recorded -= s->unreached < s->recorded ? s->unreached : s->recorded;
}

/* ---- installation ---- */

static void put_jump(uint8_t *at, int64_t distance)
{
    uint32_t displacement = (uint32_t)(distance - JUMP_BYTES);
    at[0] = 0xe9;
    for (uint32_t i = 0; i < 4; i++)
        at[1 + i] = (uint8_t)(displacement >> 8 * i);
}

bool patch_diverted(const struct patch_image *image, uint32_t offset)
{
    return image->plan[offset] == PLAN_JUMP || image->plan[offset] == PLAN_HOP;
}

static bool is_endbr(const struct patch_image *image, uint32_t offset)
{
    uint32_t four = 0;
    if (image->size - offset > sizeof four)
        __builtin_memcpy(&four, image->bytes + offset, sizeof four);
    return four == 0xfa1e0ff3;
}

/* Where in the copy what arrives at this instruction goes on; PATCH_NOWHERE: it has no copy. */
static uint32_t place_of(const struct patch_image *image, uint32_t offset)
{
    if (image->quick && !patch_diverted(image, offset)) {
        if (!is_endbr(image, offset) || !patch_diverted(image, offset + 4))
            return PATCH_NOWHERE;
        offset += 4;
    }
    return image->places[image->number[offset]];
}

static int64_t jump_distance(const struct patch_image *image, uint32_t from, uint32_t place)
{
    return (int64_t)image->table->copy + place - (int64_t)(uintptr_t)image->text - from;
}

/* A direct call of a copied function goes there at once. */
static void put_call(const struct patch_image *image, uint8_t *text, const struct patch_turn *turn)
{
    if (turn->flow != FLOW_CALL || turn->length != 5 || text[turn->offset] != 0xe8 ||
        turn->target == PATCH_NOWHERE || !(image->marks[turn->target] & MARK_START))
        return;
    uint32_t place = place_of(image, turn->target);
    if (place == PATCH_NOWHERE)
        return;
    put_jump(text + turn->offset, jump_distance(image, turn->offset, place));
    text[turn->offset] = 0xe8;
}

void patch_install(const struct patch_image *image, uint8_t *text)
{
    EACH_PLANNED(image, at)
    {
        if (!patch_diverted(image, at))
            continue;
        uint32_t place = place_of(image, at);
        if (place == PATCH_NOWHERE)
            continue;
        if (image->plan[at] == PLAN_JUMP) {
            put_jump(text + at, jump_distance(image, at, place));
            continue;
        }
        uint32_t hole = image->hole[at];
        put_jump(text + hole, jump_distance(image, hole, place));
        text[at] = 0xeb;
        text[at + 1] = (uint8_t)(hole - (at + HOP_BYTES));
    }
    for (uint32_t i = 0; i < image->function_count; i++) {
        if (image->functions[i].native)
            continue;
        EACH_TURN(image, &image->functions[i], turn)
        put_call(image, text, turn);
    }
}

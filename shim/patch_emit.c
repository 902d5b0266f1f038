/*
 * The copy: each instruction as it is, with direct branches led from copy to copy, operands relative to rip adjusted, calls
 * sent back to the original, and before each access a check of the filter (access_seen() of access_state.h):
 *
 *     lea  EA, A                          rorx $2, A, B; and filter.mask, B; add filter.entries, B
 *     xor  (B), A                         the offset in the line, if the line is that of the entry
 *     cmp  $64 - size, A; ja miss         also what crosses into the next line
 *     shrx A, 8(B), A; test $bytes, A; jne miss
 *
 * Where a word mostly stands for all of it (patch_word.c), it lies behind the function. B stays the entry for what comes
 * behind the check: see patch_near.c.
 *
 * What is spilled, and in which order, is what patch_place.c reads back out of these bytes: see spill().
 */
#include "shim/patch_emit.h"

#include "shim/access_state.h"
#include "shim/banned.h"
#include "shim/options.h"
#include "shim/patch_encode.h"
#include "shim/patch_lazy.h"
#include "shim/raw.h"

#define FUNCTION_ALIGN 16u
#define TURN_MORE      8u /* bytes that a branch, jump or call may grow by */
#define ARRIVAL_BYTES  12u
#define JUMP_BYTES     5u /* behind a function that control falls out of */

int32_t patch_thread_offset, access_fast_offset, patch_words_offset, patch_spans_offset;
void patch_emit_setup(void)
{
    uintptr_t self;
    __asm__("mov %%fs:0, %0" : "=r"(self));
    patch_thread_offset = (int32_t)((intptr_t)&patch_thread - (intptr_t)self);
    patch_words_offset = (int32_t)((intptr_t)patch_words - (intptr_t)self);
    patch_spans_offset = (int32_t)((intptr_t)&patch_spans - (intptr_t)self);
    access_fast_offset = (int32_t)((intptr_t)&access_fast - (intptr_t)self);
}

/* ---- parts of a check ---- */

static void jump(struct emitter *e, uint64_t address)
{
    byte(e, 0xe9);
    distance(e, address, 0);
}

static void jump_to_text(struct emitter *e, uint32_t target)
{
    if (e->fixup_count == e->fixup_room) {
        e->failed = true;
        return;
    }
    e->fixups[e->fixup_count++] = (struct fixup){offset_now(e), target};
    number(e, 0, 4);
}

/* movl $site, %fs:...; over the red zone; call the stub. Flags stay as they are. */
static void call_stub(struct emitter *e, uint32_t site, bool full)
{
    with_thread(e, 0xc7, false, 0, THREAD(site));
    number(e, site, 4);
    with_memory(e, LEA, true, PATCH_RSP, PATCH_RSP, PATCH_NO_REGISTER, 1, -128);
    byte(e, 0xe8);
    distance(e, full ? e->image->stub_full : e->image->stub_light, 0);
    with_memory(e, LEA, true, PATCH_RSP, PATCH_RSP, PATCH_NO_REGISTER, 1, 128);
}

static uint32_t size_code(const struct patch_instruction *in)
{
    if (in->size == 16 && (in->memory == MEMORY_LOCKED || in->trait == TRAIT_WHOLE))
        return TRACE_SIZE_WHOLE;
    if (in->size == 16 && in->trait == TRAIT_WHOLE_AVX)
        return TRACE_SIZE_AVX;
    return in->size && in->size <= 64 && !(in->size & (in->size - 1))
               ? (uint32_t)__builtin_ctz(in->size)
               : 15;
}

static uint32_t new_site(struct emitter *e, const struct patch_instruction *in, uint32_t action,
                         uint16_t details)
{
    struct patch_image *image = e->image;
    uint32_t site = image->first_site + image->site_count;
    if (!patch_sites_reach((uint64_t)site + 1)) {
        e->failed = true;
        return 0;
    }
    image->site_count++;
    uint32_t kind = (in->bits & INSTRUCTION_WRITES ? TRACE_KIND_WRITE : 0) | size_code(in) << 4;
    uint32_t both = INSTRUCTION_READS | INSTRUCTION_WRITES;
    if (in->memory == MEMORY_CHECKED && (in->bits & both) == both)
        kind |= TRACE_KIND_BOTH;
    patch_sites[site] = (struct patch_site){.pc = (uint64_t)(uintptr_t)image->text + in->offset,
                                            .function = in->offset - e->function,
                                            .size = in->size,
                                            .kind = (uint8_t)kind,
                                            .action = (uint8_t)action,
                                            .details = details};
    return site;
}

/* patch_place.c knows this order and these forms: movs of 8 bytes to spill words, lahf, seto, mov of eax to flags. */
static void spill(struct emitter *e, const struct check *check)
{
    if (check->spill_a && !check->addressed)
        with_thread(e, STORE, true, check->a, THREAD(spill_a));
    if (check->spill_b)
        with_thread(e, STORE, true, check->b, THREAD(spill_b));
    if (!check->flags)
        return;
    if (check->spill_rax)
        with_thread(e, STORE, true, RAX, THREAD(spill_rax));
    bytes(e, "\x9f\x0f\x90\xc0", 4); /* lahf; seto %al */
    with_thread(e, STORE, false, RAX, THREAD(flags));
    if (operand_registers(check->in) & 1u << RAX)
        with_thread(e, LOAD, true, RAX, THREAD(spill_rax));
}

static void unspill(struct emitter *e, const struct check *check)
{
    if (check->flags) {
        with_thread(e, LOAD, false, RAX, THREAD(flags));
        bytes(e, "\x04\x7f\x9e", 3); /* add $0x7f, %al; sahf */
        if (check->spill_rax)
            with_thread(e, LOAD, true, RAX, THREAD(spill_rax));
    }
    if (check->spill_b)
        with_thread(e, LOAD, true, check->b, THREAD(spill_b));
    if (check->spill_a)
        with_thread(e, LOAD, true, check->a, THREAD(spill_a));
}

static void test_bytes(struct emitter *e, uint32_t b, uint32_t size)
{
    if (size <= 8) {
        rex(e, false, 0, 0, b, b >= 4);
        byte(e, 0xf6);
        byte(e, 0xc0 | (b & 7));
        byte(e, (1u << size) - 1);
    } else if (size < 32) {
        rex(e, false, 0, 0, b, false);
        byte(e, 0xf7);
        byte(e, 0xc0 | (b & 7));
        number(e, (UINT64_C(1) << size) - 1, 4);
    } else {
        with_register(e, 0x85, size > 32, b, b);
    }
}

static void filter_test(struct emitter *e, struct check *check)
{
    uint32_t a = check->a, b = check->b, size = check->in->size;
    bool write = check->in->bits & INSTRUCTION_WRITES;
    entry_of(e, a, b, write);
    with_memory(e, XOR, true, a, b, PATCH_NO_REGISTER, 1, offsetof(struct filter_entry, tag));
    with_register(e, 0x83, true, 7, a); /* cmp $.., A */
    byte(e, LINE_BYTES - size);
    check->to_miss[0] = jump_forward(e, IF_ABOVE);
    uint32_t shifted = patch_has_bmi2 ? a : b;
    shift_unseen(e, a, b, shifted, true);
    test_bytes(e, shifted, size);
    check->to_miss[1] = jump_forward(e, IF_NOT_EQUAL);
}

/* Sizes for which the test above is exact: up to 32, and 64 (a whole line). Others, all rare, always call. */
static bool filtered(uint32_t size)
{
    return size <= 32 || size == 64;
}

/* May it run with the guard up, between two calls? Only what goes on to the next instruction. A load of 64 bytes is of eight
 * words at least, each of which may be looked at so. */
static bool bracketed(const struct patch_instruction *in)
{
    return in->memory == MEMORY_CHECKED && in->flow == FLOW_NEXT;
}

/* From here on it is not known which call stack accesses have: control came from elsewhere. */
static void emit_arrival(struct emitter *e)
{
    with_thread(e, 0xc7, false, 0, THREAD(context));
    number(e, 0, 4);
}

void patch_emit_piece(struct emitter *e, const struct check *check)
{
    struct patch_place_table *table = e->image->table;
    table->misses[table->miss_count++] =
        (struct patch_miss){offset_now(e), check->start, 0, check->rest};
}

static void emit_test(struct emitter *e, struct check *check)
{
    const struct patch_instruction *in = check->in;
    spill(e, check);
    if (in->word)
        patch_emit_word_set(e, check);
    if (!check->addressed)
        effective_address(e, in, check->a, false);
    if (check->store_address)
        with_thread(e, STORE, true, check->a, THREAD(address));
    if (filtered(in->size)) {
        filter_test(e, check);
        if (in->span)
            patch_emit_span_count(e, check);
    } else {
        byte(e, 0xe9);
        number(e, 0, 4);
        check->to_miss[0] = offset_now(e);
    }
    check->back = offset_now(e);
    unspill(e, check);
}

static void emit_check(struct emitter *e, const struct patch_function *function,
                       const struct patch_instruction *in)
{
    if (e->check_count == e->check_room) {
        e->failed = true;
        return;
    }
    struct check *check = &e->checks[e->check_count++];
    patch_emit_choose(e, check, in);
    check->down = function->down;
    check->start = offset_now(e);
    check->site = new_site(e, in, PATCH_ACCESS, bracketed(in) ? PATCH_BRACKET : 0);
    struct patch_site *site = &patch_sites[check->site];
    site->registers = (uint8_t)(check->a | check->b << 4);
    /* In turn: sites near each other never drive each other's records out. */
    check->slot = site->slot = (uint8_t)(check->site % TRACE_OPEN_ENTRIES);
    if (in->word)
        patch_emit_word_test(e, check);
    else if (in->span)
        patch_emit_span_test(e, check);
    else
        emit_test(e, check);
}

static void emit_self(struct emitter *e, const struct patch_instruction *in);

/* Where the slow path returns for a marked byte, PATCH_BRACKET_EXIT bytes behind where it else does. */
static void emit_bracket(struct emitter *e, const struct check *check)
{
    struct patch_image *image = e->image;
    const struct patch_instruction *in = check->in;
    with_memory(e, LEA, true, PATCH_RSP, PATCH_RSP, PATCH_NO_REGISTER, 1, 128);
    unspill(e, check);
    emit_self(e, in);
    image->table->misses[image->table->miss_count++] =
        (struct patch_miss){offset_now(e), check->start, check->behind, in->offset + in->length};
    call_stub(e, new_site(e, in, PATCH_ACCESS_AFTER, 0), true);
    jump(e, (uint64_t)(uintptr_t)image->out + check->behind + (uint64_t)image->shift);
}

/* A fixed address tells beforehand. */
static bool may_cross(const struct patch_instruction *in)
{
    return in->size > 1 && in->size <= PATCH_NEAR_MOST &&
           (!(in->bits & INSTRUCTION_RELATIVE) ||
            (uint64_t)in->displacement % LINE_BYTES + in->size > LINE_BYTES);
}

/* What follows the comparisons of a word or span, in a piece of its own. */
static void emit_rest(struct emitter *e, struct check *check)
{
    struct patch_image *image = e->image;
    patch_emit_piece(e, check);
    check->rest = offset_now(e);
    land(e, check->to_rest[0]);
    land(e, check->to_rest[1]);
    emit_test(e, check);
    jump(e, (uint64_t)(uintptr_t)image->out + check->resume + (uint64_t)image->shift);
}

static void emit_address(struct emitter *e, const struct check *check)
{
    if (check->store_address)
        return;
    effective_address(e, check->in, check->a, false);
    with_thread(e, STORE, true, check->a, THREAD(address));
}

static void emit_ask_span(struct emitter *e, const struct check *check)
{
    struct patch_image *image = e->image;
    patch_emit_piece(e, check);
    land(e, check->to_span);
    emit_address(e, check);
    uint32_t site = new_site(e, check->in, PATCH_SPAN, check->in->span);
    patch_sites[site].displacement =
        check->in->index == PATCH_NO_REGISTER ? (int32_t)check->in->displacement : 0;
    call_stub(e, site, true);
    jump(e, (uint64_t)(uintptr_t)image->out + check->back + (uint64_t)image->shift);
}

/* The pieces behind the function: what the filter has not seen goes into C. */
static bool room(struct emitter *e)
{
    if (e->image->out_end - e->at < (ptrdiff_t)PATCH_INSTRUCTION_MOST)
        e->failed = e->image->crowded = true;
    return !e->failed;
}

static void emit_misses(struct emitter *e)
{
    for (uint32_t i = 0; i < e->check_count && room(e); i++) {
        struct check *check = &e->checks[i];
        if (check->in->word || check->in->span)
            emit_rest(e, check);
        if (check->to_span)
            emit_ask_span(e, check);
        if (check->in->size <= PATCH_NEAR_MOST && !(check->in->size & (check->in->size - 1))) {
            patch_emit_near(e, check);
            check->to_miss[1] = 0;
        }
        patch_emit_piece(e, check);
        uint32_t call = offset_now(e);
        bool crossing = may_cross(check->in);
        if (!crossing)
            land(e, check->to_miss[0]);
        land(e, check->to_miss[1]);
        if (check->in->word)
            patch_emit_word_forget(e, check);
        emit_address(e, check);
        call_stub(e, check->site, check->down);
        jump(e, (uint64_t)(uintptr_t)e->image->out + check->back + (uint64_t)e->image->shift);
        if (bracketed(check->in))
            emit_bracket(e, check);
        if (!crossing)
            continue;
        patch_emit_piece(e, check);
        land(e, check->to_miss[0]);
        patch_emit_crossing(e, check, call);
    }
    e->check_count = 0;
}

/* ---- instructions that always call ---- */

static void store_address(struct emitter *e, const struct patch_instruction *in, bool without_index)
{
    uint32_t a = scratch_register(in->live, operand_registers(in));
    bool live = in->live >> a & 1;
    if (live)
        with_thread(e, STORE, true, a, THREAD(spill_a));
    effective_address(e, in, a, without_index);
    with_thread(e, STORE, true, a, THREAD(address));
    if (live)
        with_thread(e, LOAD, true, a, THREAD(spill_a));
}

static void emit_vector(struct emitter *e, const struct patch_instruction *in)
{
    store_address(e, in, in->vector & VECTOR_INDEX); /* first: patch_place.c looks for its spill */
    if (in->vector & VECTOR_INDEX)
        store_vector(e, in->vector_index, in->vector_bytes, THREAD(vector[0]));
    if (in->vector & VECTOR_MASK)
        store_vector(e, in->vector_mask, in->vector_bytes, THREAD(vector[1]));
    if (in->vector & VECTOR_MASK_K)
        store_mask_register(e, in->vector_mask, in->elements, THREAD(vector[1]));
    uint32_t scale = in->vector & VECTOR_INDEX ? (uint32_t)__builtin_ctz(in->scale) : 0;
    uint32_t details = in->vector | scale << 5 | (uint32_t)in->elements << 8;
    call_stub(e, new_site(e, in, PATCH_VECTOR, (uint16_t)details), true);
}

static void emit_string(struct emitter *e, const struct patch_instruction *in)
{
    uint32_t details = in->vector | (in->bits & INSTRUCTION_REPEATED ? PATCH_STRING_REPEATED : 0) |
                       (in->bits & INSTRUCTION_COMPARES ? PATCH_STRING_COMPARES : 0);
    call_stub(e, new_site(e, in, PATCH_STRING_BEFORE, (uint16_t)details), true);
}

static bool emit_before(struct emitter *e, const struct patch_function *function,
                        const struct patch_instruction *in)
{
    if (!instruction_checked(in))
        return false;
    switch ((enum patch_memory)in->memory) {
    case MEMORY_CHECKED:
        emit_check(e, function, in);
        break;
    case MEMORY_LOCKED:
        store_address(e, in, false);
        call_stub(e, new_site(e, in, PATCH_LOCKED_BEFORE, in->bit), true);
        break;
    case MEMORY_STRING:
        emit_string(e, in);
        break;
    case MEMORY_VECTOR:
        emit_vector(e, in);
        break;
    case MEMORY_SYSTEM:
        call_stub(e, new_site(e, in, PATCH_SYSTEM_BEFORE, 0), true);
        break;
    case MEMORY_NONE:
    case MEMORY_STACK:
    case MEMORY_THREAD:
    case MEMORY_CONSTANT:
    case MEMORY_UNSUPPORTED:
        break;
    }
    return true;
}

/* The part that follows the instruction, if there is one. */
static bool has_after(const struct patch_instruction *in)
{
    return in->memory == MEMORY_LOCKED || in->memory == MEMORY_SYSTEM ||
           (in->memory == MEMORY_STRING && in->bits & INSTRUCTION_COMPARES &&
            in->bits & INSTRUCTION_REPEATED);
}

static void emit_after(struct emitter *e, const struct patch_instruction *in)
{
    uint32_t action = in->memory == MEMORY_LOCKED   ? PATCH_LOCKED_AFTER
                      : in->memory == MEMORY_SYSTEM ? PATCH_SYSTEM_AFTER
                                                    : PATCH_STRING_AFTER;
    uint32_t details = in->vector;
    if (in->memory == MEMORY_LOCKED && in->trait == TRAIT_COMPARE)
        details |= PATCH_COMPARES;
    call_stub(e, new_site(e, in, action, (uint16_t)details), true);
}

/* ---- the instruction itself ---- */

static void emit_self(struct emitter *e, const struct patch_instruction *in)
{
    const uint8_t *code = e->image->bytes + in->offset;
    switch ((enum patch_flow)in->flow) {
    case FLOW_BRANCH:
        while (*code != 0x0f && (*code & 0xf0) != 0x70) /* prefixes */
            code++;
        byte(e, 0x0f);
        byte(e, 0x80 | ((*code == 0x0f ? code[1] : *code) & 15u));
        jump_to_text(e, in->target);
        return;
    case FLOW_JUMP:
        byte(e, 0xe9);
        jump_to_text(e, in->target);
        return;
    case FLOW_LOOP: /* to a jump of our own, since it only reaches 128 bytes */
        bytes(e, code, in->length - 1u);
        bytes(e, "\x02\xeb\x05\xe9", 4);
        jump_to_text(e, in->target);
        return;
    case FLOW_CALL:
    case FLOW_CALL_INDIRECT:
        jump(e, (uint64_t)(uintptr_t)e->image->text + in->offset);
        return;
    case FLOW_NEXT:
    case FLOW_JUMP_INDIRECT:
    case FLOW_RETURN:
    case FLOW_TRAP:
        break;
    }
    if (!(in->bits & INSTRUCTION_RELATIVE)) {
        bytes(e, code, in->length);
        return;
    }
    uint32_t at = in->displacement_at;
    bytes(e, code, at);
    distance(e, (uint64_t)in->displacement, in->length - at - 4u);
    bytes(e, code + at + 4, in->length - at - 4u);
}

static void place(struct emitter *e, const struct patch_instruction *in, enum place_kind kind)
{
    struct patch_place_table *table = e->image->table;
    table->places[table->place_count++] = (struct patch_place){
        .copy = offset_now(e), .original = in->offset & 0x3fffffffu, .kind = (uint32_t)kind & 3u};
}

static void emit_function(struct emitter *e, const struct patch_function *function)
{
    struct patch_image *image = e->image;
    e->function = function->start;
    e->first = image->instructions + function->first;
    e->last = image->instructions + function->last;
    raw_zero(e->spilled, sizeof e->spilled);
    while (room(e) && offset_now(e) % FUNCTION_ALIGN)
        byte(e, 0xcc);
    for (uint32_t i = function->first; i < function->last && room(e); i++) {
        const struct patch_instruction *in = &image->instructions[i];
        if (in->head && offset_now(e) % PATCH_HEAD_ALIGN) {
            place(e, in, PLACE_SELF); /* nothing has happened yet */
            patch_emit_padding(e);
        }
        image->places[i] = offset_now(e);
        if (shim_options.patch_poison) {
            place(e, in, PLACE_SELF);
            patch_emit_poison(e, in);
        }
        place(e, in, instruction_checked(in) ? PLACE_CHECK : PLACE_SELF);
        if (image_marked(image, in->offset, MARK_ENTRY))
            emit_arrival(e);
        bool checked = emit_before(e, function, in);
        if (checked)
            place(e, in, PLACE_SELF);
        emit_self(e, in);
        if (checked && in->memory == MEMORY_CHECKED && e->check_count)
            e->checks[e->check_count - 1].behind = offset_now(e);
        if (checked && has_after(in)) {
            place(e, in, PLACE_AFTER);
            emit_after(e, in);
        }
    }
    const struct patch_instruction *last = &image->instructions[function->last - 1];
    if (last->flow == FLOW_NEXT || last->flow == FLOW_BRANCH || last->flow == FLOW_LOOP) {
        byte(e, 0xe9);
        jump_to_text(e, function->end);
    }
    emit_misses(e);
}

/* Where a direct branch to `target` goes. */
static uint64_t resolved(const struct patch_image *image, uint32_t target)
{
    if (target < image->size && image_marked(image, target, MARK_START)) {
        if (image->lazy && !image_function(image, target)) {
            uint64_t copy = patch_lazy_place(image->lazy, target);
            return patch_reaches(image, copy) ? copy : (uint64_t)(uintptr_t)image->text + target;
        }
        uint32_t place = image->places[image->number[target]];
        if (place != PATCH_NOWHERE)
            return (uint64_t)(uintptr_t)image->out + place + (uint64_t)image->shift;
    }
    return (uint64_t)(uintptr_t)image->text + target;
}

static void resolve(struct emitter *e)
{
    for (uint32_t i = 0; i < e->fixup_count; i++) {
        const struct fixup *fixup = &e->fixups[i];
        e->at = e->image->out + fixup->at;
        distance(e, resolved(e->image, fixup->target), 0);
    }
}

/* A way to each stub near enough for a call: jmp *0(%rip) and its address. */
static uint64_t emit_way(struct emitter *e, const uint8_t *stub)
{
    uint64_t way = runs_at(e);
    bytes(e, "\xff\x25\0\0\0\0", 6);
    number(e, (uint64_t)(uintptr_t)stub, 8);
    return way;
}

void patch_emit_ways(struct patch_image *image)
{
    struct emitter e = {.image = image, .at = image->out};
    image->stub_light = emit_way(&e, patch_stub_light);
    image->stub_full = emit_way(&e, patch_stub_full);
    image->used = offset_now(&e);
}

size_t patch_emit_plain(const struct patch_image *image, uint32_t entries)
{
    size_t turns = 0;
    for (uint32_t i = 0; i < image->turn_count; i++)
        turns += image->turns[i].flow != FLOW_NEXT;
    return image->size + turns * TURN_MORE + entries * ARRIVAL_BYTES +
           (size_t)image->function_count * (FUNCTION_ALIGN + JUMP_BYTES) + PATCH_INSTRUCTION_MOST;
}

bool patch_emit_functions(struct patch_image *image)
{
    struct emitter e = {.image = image, .at = image->out + image->used};
    e.check_room = 0;
    for (uint32_t i = 0; i < image->function_count; i++) {
        uint32_t count = image->functions[i].last - image->functions[i].first;
        e.check_room = count > e.check_room ? count : e.check_room;
    }
    e.fixup_room = image->instruction_count + image->function_count + 1;
    e.checks = arena_take(image->arena, e.check_room * sizeof *e.checks);
    e.fixups = arena_take(image->arena, e.fixup_room * sizeof *e.fixups);
    image->places = arena_take(image->arena, ((size_t)image->instruction_count + 1) * 4);
    if (!e.checks || !e.fixups || !image->places)
        return false;
    for (uint32_t i = 0; i < image->instruction_count; i++)
        image->places[i] = PATCH_NOWHERE;
    for (uint32_t i = 0; i < image->function_count && !e.failed; i++) {
        const struct patch_function *function = &image->functions[i];
        if (function->skipped || function->native || function->first == function->last)
            continue;
        emit_function(&e, function);
    }
    if (e.failed)
        return false;
    image->used = offset_now(&e);
    resolve(&e);
    return !e.failed;
}

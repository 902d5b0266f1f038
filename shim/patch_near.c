/*
 * The short way of a check that met new bytes of a line which the filter knows: more than half of what the filter has not
 * seen. As instrumented code does (abi_fast.c), the copy adds them itself to the site's open record, if that is of this
 * line and of the present call stack.
 *
 * Copies have no shadow stack. But as long as control stays in copies, without a call and without a return, the return
 * addresses on the stack are the same: so patch_thread.context, the number of the context in which the slow path recorded
 * last, holds until control arrives from elsewhere, and each entry of a copy (function starts, the places after calls,
 * landing pads, jump-table targets: all that the original is diverted from) makes it 0. So does a signal, since a handler
 * runs other code. Whatever ends a segment, changes what is held or moves the open table is called, too.
 *
 * Nothing here is guarded. A thread that is interrupted in it begins the check anew (patch_rewind), and what was done by
 * then may be done twice: first the record gets its bytes, then the filter says that they are known.
 *
 * Where the site's record is empty, and was the site's own before, the copy opens it again (open_again()): of a line that the
 * filter knows nothing need be entered or looked up, unless lines with marked bytes are known, too.
 *
 * The entry's `near` is set by the slow path where no byte of the line is marked (mark.c). Who marks one makes all threads
 * forget the line, and who enters such a line takes `near` from it again (line_add() of access.c).
 */
#include "shim/patch_encode.h"

#include "shim/banned.h"
#include "shim/options.h"

#define OPEN(check, field) \
    ((int32_t)((check)->slot * sizeof(struct trace_open) + offsetof(struct trace_open, field)))

/* Without BMI2. The bytes of the access, as bits of the line, in B; A, which is rcx, holds the offset. */
static void mask_bits(struct emitter *e, const struct check *check, uint32_t b)
{
    uint32_t a = check->a, size = check->in->size;
    if (size == 1) {
        with_register(e, XOR, false, b, b);
        rex(e, true, a, 0, b, false);
        byte(e, 0x0f);
        byte(e, 0xab); /* bts A, B */
        byte(e, 0xc0 | (a & 7) << 3 | (b & 7));
        return;
    }
    rex(e, false, 0, 0, b, false);
    byte(e, 0xb8 | (b & 7));
    number(e, (UINT64_C(1) << size) - 1, 4);
    with_register(e, 0xd3, true, 4, b); /* shl %cl, B */
}

static void address_again(struct emitter *e, const struct check *check, uint32_t to)
{
    if (check->store_address)
        with_thread(e, LOAD, true, to, THREAD(address));
    else
        effective_address(e, check->in, to, false);
}

static void test_self(struct emitter *e, uint32_t reg)
{
    with_register(e, 0x85, true, reg, reg);
}

static void back(struct emitter *e, const struct check *check)
{
    byte(e, 0xe9);
    distance(e, (uint64_t)(uintptr_t)e->image->out + check->back + (uint64_t)e->image->shift, 0);
}

/*
 * Where the test of a check fails because the access goes on in the next line, and both are known: 27 % of the calls of C in
 * xz were of accesses across lines, since its matcher compares 8 bytes anywhere. A is as the test has left it, B the first
 * line's entry. Nothing is recorded here, and nothing more is spilled.
 */
void patch_emit_crossing(struct emitter *e, const struct check *check, uint32_t call)
{
    uint32_t a = check->a, b = check->b, size = check->in->size;
    bool write = check->in->bits & INSTRUCTION_WRITES;
    with_register(e, 0x83, true, 7, a); /* cmp: a line that is not known */
    byte(e, LINE_BYTES - 1);
    jump_back(e, IF_ABOVE, call);
    shift_unseen(e, a, b, b,
                 true); /* all from the first byte of the access to the end of the line */
    test_self(e, b);
    jump_back(e, IF_NOT_EQUAL, call);
    address_again(e, check, a);
    with_register(e, 0x83, true, 0, a); /* add: its last byte */
    byte(e, size - 1);
    entry_of(e, a, b, write);
    with_memory(e, XOR, true, a, b, PATCH_NO_REGISTER, 1, offsetof(struct filter_entry, tag));
    with_register(e, 0x83, true, 7, a); /* cmp */
    byte(e, LINE_BYTES - 1);
    jump_back(e, IF_ABOVE, call);
    with_register(e, 0xf7, true, 2, a); /* not: as a shift, 63 - A */
    shift_unseen(e, a, b, b, false);    /* all from the beginning of the line to that byte */
    test_self(e, b);
    jump_back(e, IF_NOT_EQUAL, call);
    byte(e, 0xe9);
    distance(e, (uint64_t)(uintptr_t)e->image->out + check->back + (uint64_t)e->image->shift, 0);
}

/* and B, unseen(C) */
static void now_seen(struct emitter *e, uint32_t b, uint32_t c)
{
    with_memory(e, 0x21, true, b, c, PATCH_NO_REGISTER, 1, offsetof(struct filter_entry, unseen));
}

/* With BMI2. A: the bytes of the access, as bits of the line. */
static void address_bits(struct emitter *e, const struct check *check)
{
    uint32_t a = check->a;
    int32_t ones = THREAD(ones[0]) + 8 * __builtin_ctz(check->in->size);
    address_again(e, check, a);
    byte(e, 0x64);
    byte(e, 0xc4); /* shlx A, ones, A */
    byte(e, (a & 8 ? 0u : 0x80u) | 0x60 | 2);
    byte(e, 0x80 | (~a & 15) << 3 | 1);
    byte(e, 0xf7);
    address_bytes(e, a, PATCH_NO_REGISTER, PATCH_NO_REGISTER, 1, ones);
}

/* With BMI2. The entry in B knows the bytes in A, which is changed. */
static void bits_seen(struct emitter *e, const struct check *check)
{
    uint32_t a = check->a, b = check->b;
    byte(e, 0xc4); /* andn unseen(B), A, A */
    byte(e, (a & 8 ? 0u : 0x80u) | 0x40 | (b & 8 ? 0u : 0x20u) | 2);
    byte(e, 0x80 | (~a & 15) << 3);
    byte(e, 0xf2);
    address_bytes(e, a, b, PATCH_NO_REGISTER, 1, offsetof(struct filter_entry, unseen));
    with_memory(e, STORE, true, a, b, PATCH_NO_REGISTER, 1, offsetof(struct filter_entry, unseen));
}

/* The entry in B knows the bytes of the access. */
static void entry_adds(struct emitter *e, const struct check *check, uint32_t c)
{
    if (patch_has_bmi2) {
        address_bits(e, check);
        bits_seen(e, check);
        return;
    }
    address_again(e, check, check->a);
    mask_bits(e, check, c);
    with_register(e, 0xf7, true, 2, c); /* not */
    now_seen(e, c, check->b);
}

/* What is gathered in the line's entry, B, is no longer of this site alone, unless it is. Returns the jump to C. */
static uint32_t to_gathered(struct emitter *e, const struct check *check, uint32_t c)
{
    const int32_t site = FILTER_GATHERED + offsetof(struct gathered, site), flags = site + 3,
                  context = FILTER_GATHERED + offsetof(struct gathered, context);
    uint32_t a = check->a, b = check->b;
    if (!patch_has_bmi2) { /* the test has overwritten it */
        bool write = check->in->bits & INSTRUCTION_WRITES;
        address_again(e, check, a);
        entry_of(e, a, b, write);
    }
    with_memory(e, 0x81, false, 7, b, PATCH_NO_REGISTER, 1, site); /* cmp */
    number(e, GATHERED_FREE, 4);
    uint32_t free = jump_forward(e, IF_EQUAL);
    with_memory(e, 0x81, false, 7, b, PATCH_NO_REGISTER, 1, site); /* cmp */
    number(e, check->site, 4);
    uint32_t other = jump_forward(e, IF_NOT_EQUAL);
    with_memory(e, LOAD, false, a, b, PATCH_NO_REGISTER, 1, context);
    with_thread(e, CMP, false, a, THREAD(context));
    uint32_t same = jump_forward(e, IF_EQUAL), elsewhere = jump_always(e);
    land(e, other);
    with_memory(e, 0xf6, false, 0, b, PATCH_NO_REGISTER, 1, flags); /* test */
    byte(e, GATHERED_SLOW >> 24);
    uint32_t to_slow = jump_forward(e, IF_NOT_EQUAL);
    land(e, elsewhere);
    with_memory(e, 0xc7, false, 0, b, PATCH_NO_REGISTER, 1, site); /* mov */
    number(e, GATHERED_FREE, 4);
    land(e, free);
    land(e, same);
    entry_adds(e, check, c);
    return to_slow;
}

/* Is the site's open record, in the table that C points to, of this line, site and context? Its line is compared with
 * `line`, which is then changed. */
static void test_open(struct emitter *e, const struct check *check, uint32_t line, uint32_t c,
                      uint32_t *to_slow)
{
    with_memory(e, CMP, true, line, c, PATCH_NO_REGISTER, 1, OPEN(check, line));
    to_slow[0] = jump_forward(e, IF_NOT_EQUAL);
    with_memory(e, LOAD, false, line, c, PATCH_NO_REGISTER, 1, OPEN(check, stride));
    with_register(e, 0xc1, false, 5, line); /* shr: a row may go up or down */
    byte(e, 8);
    with_register(e, 0x81, false, 7, line); /* cmp */
    number(e, check->site, 4);
    to_slow[1] = jump_forward(e, IF_NOT_EQUAL);
    with_memory(e, LOAD, false, line, c, PATCH_NO_REGISTER, 1, OPEN(check, context));
    with_thread(e, CMP, false, line, THREAD(context));
    to_slow[2] = jump_forward(e, IF_NOT_EQUAL);
}

/* With BMI2. It gets the bytes, and then the filter knows them: of a write as read, too. Returns where it gets them. */
static uint32_t to_open(struct emitter *e, const struct check *check, uint32_t c, uint32_t *to_slow)
{
    uint32_t a = check->a, b = check->b;
    with_thread(e, LOAD, true, c, FAST(table));
    with_memory(e, LOAD, true, a, b, PATCH_NO_REGISTER, 1, offsetof(struct filter_entry, tag));
    test_open(e, check, a, c, to_slow);
    uint32_t gets = offset_now(e);
    address_bits(e, check);
    with_memory(e, OR, true, a, c, PATCH_NO_REGISTER, 1, OPEN(check, mask));
    if (!(check->in->bits & INSTRUCTION_WRITES)) {
        bits_seen(e, check);
        return gets;
    }
    with_register(e, 0xf7, true, 2, a); /* not */
    now_seen(e, a, b);
    with_memory(e, LOAD, true, c, b, PATCH_NO_REGISTER, 1, offsetof(struct filter_entry, tag));
    entry_of(e, c, b, false);
    with_memory(e, CMP, true, c, b, PATCH_NO_REGISTER, 1, offsetof(struct filter_entry, tag));
    uint32_t not_there = jump_forward(e, IF_NOT_EQUAL); /* that filter has lost the line */
    now_seen(e, a, b);
    land(e, not_there);
    return gets;
}

static void jump_to(struct emitter *e, uint32_t to)
{
    byte(e, 0xe9);
    number(e, to - (offset_now(e) + 4), 4);
}

/*
 * With BMI2. The site's record in C is of another line. If it is empty, and was the site's, it becomes that of the line of
 * the entry in B, and gets the bytes at `gets`; else control falls through. Whoever is interrupted in here leaves an entry
 * in use that is empty: the slot is noted first, the bytes come last.
 */
static void open_again(struct emitter *e, const struct check *check, uint32_t c, uint32_t gets)
{
    uint32_t to_slow[4];
    uint32_t a = check->a, b = check->b;
    int32_t half = FAST(order[0]) + check->slot / 32 * 4;
    with_memory(e, 0x83, true, 7, c, PATCH_NO_REGISTER, 1, OPEN(check, mask)); /* cmp */
    byte(e, 0);
    to_slow[0] = jump_short(e, IF_NOT_EQUAL);
    with_memory(e, 0x81, false, 7, c, PATCH_NO_REGISTER, 1, OPEN(check, stride)); /* cmp */
    number(e, open_near_word(1, check->site), 4);
    to_slow[1] = jump_short(e, IF_NOT_EQUAL);
    byte(e, 0x64); /* cmpb $0, marked */
    with_memory(e, 0x80, false, 7, PATCH_NO_REGISTER, PATCH_NO_REGISTER, 1, FAST(marked));
    byte(e, 0);
    to_slow[2] = jump_short(e, IF_NOT_EQUAL);
    with_thread(e, LOAD, false, a, THREAD(context));
    with_register(e, 0x85, false, a, a); /* test */
    to_slow[3] = jump_short(e, IF_EQUAL);
    byte(e, 0x64); /* orl */
    with_memory(e, 0x81, false, 1, PATCH_NO_REGISTER, PATCH_NO_REGISTER, 1, half);
    number(e, UINT32_C(1) << check->slot % 32, 4);
    with_memory(e, STORE, false, a, c, PATCH_NO_REGISTER, 1, OPEN(check, context));
    with_memory(e, LOAD, true, a, b, PATCH_NO_REGISTER, 1, offsetof(struct filter_entry, tag));
    with_memory(e, STORE, true, a, c, PATCH_NO_REGISTER, 1, OPEN(check, line));
    jump_to(e, gets);
    for (uint32_t i = 0; i < 4; i++)
        land_short(e, to_slow[i]);
}

/* Without it, where A is rcx, and holds the offset, and the test has overwritten the entry. */
static void to_open_by_rcx(struct emitter *e, const struct check *check, uint32_t c,
                           uint32_t *to_slow)
{
    uint32_t a = check->a, b = check->b, not_there = 0;
    bool write = check->in->bits & INSTRUCTION_WRITES;
    address_again(e, check, b);
    with_thread(e, LOAD, true, c, FAST(table));
    with_register(e, SUB, true, b, a);
    test_open(e, check, b, c, to_slow);
    mask_bits(e, check, b);
    with_memory(e, OR, true, b, c, PATCH_NO_REGISTER, 1, OPEN(check, mask));
    with_register(e, 0xf7, true, 2, b); /* not */
    address_again(e, check, a);
    if (write) {
        entry_of(e, a, c, true);
        now_seen(e, b, c);
    }
    entry_of(e, a, c, false);
    if (write) {
        with_memory(e, XOR, true, a, c, PATCH_NO_REGISTER, 1, offsetof(struct filter_entry, tag));
        with_register(e, 0x83, true, 7, a); /* cmp $63, A */
        byte(e, LINE_BYTES - 1);
        not_there = jump_forward(e, IF_ABOVE);
    }
    now_seen(e, b, c);
    land(e, not_there);
}

/*
 * Is the same object accessed close by, at another distance from the same register, or is this a walk through one? Then its
 * line may be known when this access comes to it. (For all, copies would be a sixth larger.)
 */
#define FELLOW_NEAR 12 /* instructions */
static bool has_fellow(const struct emitter *e, const struct patch_instruction *in)
{
    const struct patch_instruction *low = in - e->first > FELLOW_NEAR ? in - FELLOW_NEAR : e->first,
                                   *high = e->last - in > FELLOW_NEAR ? in + FELLOW_NEAR : e->last;
    if (in->span || in->base == PATCH_NO_REGISTER)
        return in->span;
    for (; low < high; low++) {
        uint64_t apart = (uint64_t)low->displacement - (uint64_t)in->displacement;
        if (low->memory == MEMORY_CHECKED && low->base == in->base && apart &&
            apart + LINE_BYTES < 2 * LINE_BYTES)
            return true;
    }
    return false;
}

void patch_emit_near(struct emitter *e, const struct check *check)
{
    const struct patch_instruction *in = check->in;
    uint32_t a = check->a, b = check->b, live = in->live, to_slow[3] = {0}, to_call = 0, gets = 0;
    uint32_t used = operand_registers(in) | 1u << a | 1u << b | (check->flags ? 1u << RAX : 0);
    uint32_t c = scratch_register(live, used);
    bool spill_c = live >> c & 1, spill_first = spill_c && !patch_has_bmi2;
    if (shim_options.gather) {
        patch_emit_piece(e, check);
        land(e, check->to_miss[1]);
        if (spill_first)
            with_thread(e, STORE, true, c, THREAD(spill_c));
        byte(e, 0x64); /* cmpb $0, gathering */
        with_memory(e, 0x80, false, 7, PATCH_NO_REGISTER, PATCH_NO_REGISTER, 1, FAST(gathering));
        byte(e, 0);
        uint32_t exact = jump_forward(e, IF_EQUAL);
        to_call = to_gathered(e, check, c);
        if (spill_first)
            with_thread(e, LOAD, true, c, THREAD(spill_c));
        back(e, check);
        patch_emit_piece(e, check);
        land(e, exact);
    } else {
        patch_emit_piece(e, check);
        land(e, check->to_miss[1]);
    }
    if (spill_c)
        with_thread(e, STORE, true, c, THREAD(spill_c));
    if (patch_has_bmi2)
        gets = to_open(e, check, c, to_slow);
    else
        to_open_by_rcx(e, check, c, to_slow);
    if (spill_c)
        with_thread(e, LOAD, true, c, THREAD(spill_c));
    back(e, check);
    if (patch_has_bmi2 && has_fellow(e, in)) {
        land(e, to_slow[0]);
        to_slow[0] = 0;
        open_again(e, check, c, gets);
    }
    if (!spill_c || spill_first)
        land(e, to_call);
    for (uint32_t i = 0; i < 3; i++)
        land(e, to_slow[i]);
    if (spill_c)
        with_thread(e, LOAD, true, c, THREAD(spill_c));
    if (spill_c && !spill_first)
        land(e, to_call);
}

/*
 * The functions of a module, instruction by instruction: decoded and kept, where the module is copied at once; or only
 * scanned (image->quick), where functions are copied when they are called. Then nothing is kept of an instruction but that
 * it starts there, and the third of them where control turns or that name an address (struct patch_turn): 48 bytes for each
 * instruction were most of what a look through a module cost. Where one is asked about later it is looked at again.
 *
 * Invariant: both looks at a function find the same instructions.
 */
#include "shim/patch_code.h"

#include "shim/banned.h"
#include "shim/patch_scan.h"

#define LOCK 0xf0u
#define FS   0x64u
#define CLD  0xfcu

#define SUM_REACH \
    7u /* the last step to a jump target is an addition that many instructions before */

/* Entries of a procedure linkage table, and its head: nothing but jumps through pointers. */
static bool linkage(const uint8_t *code, size_t size)
{
    if (size >= 4 && code[0] == 0xf3 && code[1] == 0x0f && code[2] == 0x1e && code[3] == 0xfa) {
        code += 4;
        size -= 4;
        if (size >= 3 && code[0] == 0xf2 && code[1] == 0xff && code[2] == 0x25)
            return true;
    }
    return size >= 6 && code[0] == 0xff && (code[1] == 0x25 || code[1] == 0x35);
}

/* ---- a thread's own memory ---- */

/*
 * What a function keeps on its stack is nobody else's as long as it takes no address of it. Where it does (lea, or mov of rsp
 * itself), others may know what lies from there up to the end of the frame: a flag there, or a struct with one, orders what
 * they do. What lies below are registers that the compiler has put away, since it places these last. The same holds for
 * thread-local variables (a node of a queued lock), of a module that takes the address of any, or has some in common with
 * another that may.
 */
static bool is_thread_pointer(const uint8_t *code, uint32_t length)
{
    static const uint8_t end[] = {0x25, 0, 0, 0, 0}; /* mov or add of fs:0 */
    return length == 9 && (code[1] & 0xf8) == 0x48 && (code[2] == 0x8b || code[2] == 0x03) &&
           (code[3] & 0xc7) == 4 && __builtin_memcmp(code + 4, end, sizeof end) == 0;
}

/* sub of a number from rsp: what lies there from then on are variables. */
static bool makes_room(const uint8_t *code)
{
    return code[0] == 0x48 && (code[1] == 0x83 || code[1] == 0x81) && code[2] == 0xec;
}

static bool is_push(const uint8_t *code)
{
    code += code[0] == 0x41;
    return (code[0] & 0xf8) == 0x50 || code[0] == 0x68 || code[0] == 0x6a ||
           (code[0] == 0xff && (code[1] & 0x38) == 0x30);
}

/* `pushed`: bytes of arguments, maybe, below the variables. */
static void note_address(struct patch_function *function, const struct patch_instruction *in,
                         int32_t pushed)
{
    bool lea = in->memory == MEMORY_NONE && in->base != PATCH_NO_REGISTER;
    int32_t *known = lea && in->base == PATCH_RBP ? &function->known_rbp : &function->known_rsp;
    int32_t from = (lea ? (int32_t)in->displacement : 0) - pushed;
    *known = from < *known ? from : *known;
}

/* Is an access to the thread's own memory worth a check after all? (What moves rsp would take its address too early.) */
static bool is_known(const struct patch_image *image, const struct patch_function *function,
                     const struct patch_instruction *in)
{
    if (in->memory == MEMORY_THREAD)
        return in->local && image->locals &&
               (patch_has_bmi2 || (in->base != PATCH_RCX && in->index != PATCH_RCX));
    return in->size <= 64 && !(in->changes & 1u << PATCH_RSP) &&
           in->displacement >= (in->base == PATCH_RSP ? function->known_rsp : function->known_rbp);
}

static void look_again(const struct patch_image *image, const struct patch_function *function,
                       struct patch_instruction *in)
{
    if ((in->memory == MEMORY_STACK || in->memory == MEMORY_THREAD) &&
        is_known(image, function, in))
        in->memory = MEMORY_CHECKED;
}

static void finish(struct patch_image *image, struct patch_function *function, bool framed,
                   uint8_t unframed)
{
    function->last = image->instruction_count;
    function->last_turn = image->turn_count;
    if (image->quick || !framed || unframed)
        return;
    for (uint32_t i = function->first; i < function->last; i++)
        if (image->instructions[i].memory == MEMORY_CHECKED &&
            image->instructions[i].base == PATCH_RBP)
            image->instructions[i].memory = MEMORY_STACK;
}

static void lower(int32_t *a, int32_t *b)
{
    *a = *b = *a < *b ? *a : *b;
}

/* The cold part that a compiler has set apart has the same frame: that is where a conditional branch leads out of a function,
 * and from where a jump leads into the midst of one. */
static void join_frames(struct patch_image *image)
{
    for (uint32_t i = 0; i < image->function_count; i++) {
        struct patch_function *function = &image->functions[i], *other;
        EACH_TURN(image, function, turn)
        {
            if ((turn->flow != FLOW_BRANCH && turn->flow != FLOW_JUMP) ||
                turn->target == PATCH_NOWHERE ||
                (turn->target >= function->start && turn->target < function->end))
                continue;
            other = image_function(image, turn->target);
            if (!other || (turn->flow == FLOW_JUMP && turn->target == other->start))
                continue;
            lower(&function->known_rsp, &other->known_rsp);
            lower(&function->known_rbp, &other->known_rbp);
        }
    }
}

/* When all functions have been seen. */
static void finish_all(struct patch_image *image)
{
    for (uint32_t i = 0; !image->quick && i < image->function_count; i++)
        for (uint32_t k = image->functions[i].first; k < image->functions[i].last; k++)
            look_again(image, &image->functions[i], &image->instructions[k]);
}

/*
 * What patch_scan() takes for an instruction and Zydis does not (constants among the code) is moved as it is. In the second
 * look at a function it must have the same instructions as in the first.
 */
static bool decode_one(const struct patch_image *image, uint32_t at, size_t room,
                       struct patch_instruction *in, uint64_t *value)
{
    const uint8_t *code = image->bytes + at;
    uintptr_t address = (uintptr_t)image->text + at;
    if (image->quick)
        return patch_scan(code, room, address, in, value);
    if (patch_decode(code, room, address, in, value))
        return true;
    if (!image->lazy || !patch_scan(code, room, address, in, value))
        return false;
    in->reads = 0xffff;
    if (in->memory != MEMORY_NONE && in->memory != MEMORY_STACK && in->memory != MEMORY_THREAD)
        in->memory = MEMORY_UNSUPPORTED;
    in->local = false;
    return true;
}

/* What it says of addresses depends on where the module lies: false if it is no instruction. */
static bool read_one(const struct patch_image *image, const struct patch_function *function,
                     uint32_t at, struct patch_instruction *in)
{
    uint64_t value;
    if (!decode_one(image, at, function->end - at, in, &value))
        return false;
    in->offset = at;
    if (flow_direct(in->flow) || (image->fixed && value))
        in->target = image_offset(image, value);
    if (in->memory == MEMORY_CHECKED && in->bits & INSTRUCTION_RELATIVE &&
        !(in->bits & INSTRUCTION_WRITES) &&
        image_constant(image, (uintptr_t)in->displacement, in->size))
        in->memory = MEMORY_CONSTANT;
    return true;
}

const struct patch_instruction *image_instruction(const struct patch_image *image,
                                                  const struct patch_function *function,
                                                  uint32_t offset, struct patch_instruction *room)
{
    if (!image->quick)
        return &image->instructions[image->number[offset]];
    read_one(image, function, offset, room);
    look_again(image, function, room);
    return room;
}

static void note_turn(struct patch_image *image, const struct patch_instruction *in)
{
    uint8_t trait = in->trait;
    int64_t displacement = in->displacement;
    if (in->flow == FLOW_JUMP_INDIRECT && in->memory != MEMORY_NONE &&
        in->base == PATCH_NO_REGISTER && in->index != PATCH_NO_REGISTER)
        trait = TRAIT_TABLE;
    if (in->flow == FLOW_NEXT && in->target == PATCH_NOWHERE && trait != TRAIT_LEA_RIP &&
        trait != TRAIT_ENDBR)
        return;
    if (trait == TRAIT_LEA_RIP)
        displacement -= (int64_t)((uintptr_t)image->text + in->offset + in->length);
    image->turns[image->turn_count++] = (struct patch_turn){
        in->offset, in->target, (int32_t)displacement, in->length, in->flow, trait};
}

static bool is_pair_exchange(const uint8_t *code, uint32_t length)
{
    return length >= 5 && (code[1] & 0xf8) == 0x48 && code[2] == 0x0f && code[3] == 0xc7;
}

static const uint8_t *behind_prefixes(const uint8_t *code)
{
    while (*code == 0x66 || *code == 0xf2 || *code == 0xf3 || *code == 0x2e || *code == 0x3e)
        code++;
    return code + ((*code & 0xf0) == 0x40); /* REX */
}

/* Of the usual instructions that do. */
static bool reads_flags(const uint8_t *code)
{
    bool prefix = *code == 0x66 || *code == 0xf3;
    code = behind_prefixes(code);
    uint8_t extension = code[1] >> 3 & 7;
    switch (*code & 0xf0) {
    case 0x10: /* adc, sbb */
        return (code[0] & 7) < 6;
    case 0x70:
        return true; /* jcc */
    case 0x80:
    case 0xc0:
    case 0xd0: /* adc, sbb, rcl, rcr */
        return (code[0] <= 0x83 || (code[0] & 0xef) <= 0xc1 || (code[0] & 0xfc) == 0xd0) &&
               (extension == 2 || extension == 3);
    case 0x90:
        return code[0] == 0x9c || code[0] == 0x9f; /* pushf, lahf */
    case 0xe0:
        return code[0] < 0xe2; /* loopne, loope */
    case 0xf0:
        return code[0] == 0xf5; /* cmc */
    default:                    /* cmov, jcc, setcc; adcx, adox */
        return code[0] == 0x0f && ((code[1] & 0xf0) == 0x40 || (code[1] & 0xe0) == 0x80 ||
                                   (prefix && code[1] == 0x38 && code[2] == 0xf6));
    }
}

/* Moves, and what does nothing. */
static bool keeps_flags(const uint8_t *code)
{
    code = behind_prefixes(code);
    uint8_t first = code[0], second = code[1];
    if (first == 0xc5) { /* VEX */
        first = 0x0f;
        second = code[2];
    }
    return (first >= 0x88 && first <= 0x8d) || (first & 0xf0) == 0xb0 || (first & 0xf0) == 0x50 ||
           first == 0xc6 || first == 0xc7 || first == 0xc9 || first == 0x90 || first == 0x63 ||
           (first == 0x0f &&
            ((second & 0xf6) == 0xb6 || (second & 0xfe) == 0x28 || (second & 0xfe) == 0x10 ||
             (second & 0xef) == 0x6f || second == 0x77 || (second & 0xfe) == 0x1e));
}

struct result {
    uint32_t called; /* the target of a call, with only moves since; or PATCH_NOWHERE */
    uint32_t turn;   /* its number */
    bool down;       /* the direction flag may be set */
};

/* Code with conventions of its own may return flags: who calls it looks at them, maybe behind a few moves, or returns them. */
static void note_result(const struct patch_image *image, struct result *result,
                        const struct patch_instruction *in)
{
    const uint8_t *code = image->bytes + in->offset;
    if (result->called != PATCH_NOWHERE && !keeps_flags(code)) {
        struct patch_function *to =
            reads_flags(code) ? image_function(image, result->called) : NULL;
        if (to)
            to->carry = true;
        else if (image->turns && (in->flow == FLOW_RETURN || in->flow == FLOW_JUMP))
            image->turns[result->turn].trait = TRAIT_TAIL;
        result->called = PATCH_NOWHERE;
    }
    result->down = in->trait == TRAIT_DOWN || (result->down && *code != CLD);
    if (in->flow != FLOW_CALL)
        return;
    result->called = in->target;
    result->turn = image->turn_count;
    struct patch_function *to = result->down ? image_function(image, in->target) : NULL;
    if (to)
        to->down = true;
}

/* Does it leave for another function with the flags that it returns? */
static bool hands_on(const struct patch_function *function, const struct patch_turn *turn)
{
    bool inside = turn->target >= function->start && turn->target < function->end;
    return turn->target != PATCH_NOWHERE &&
           (turn->flow == FLOW_CALL ? turn->trait == TRAIT_TAIL
                                    : turn->flow != FLOW_NEXT && !inside);
}

/* What another function returns for it, by a jump, by falling into it, or behind the last call. */
static void spread_results(struct patch_image *image)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = 0; i < image->function_count; i++) {
            struct patch_function *function = &image->functions[i], *to;
            if (!function->carry)
                continue;
            if (function->falls && i + 1 < image->function_count) {
                changed |= !function[1].carry;
                function[1].carry = true;
            }
            EACH_TURN(image, function, turn)
            {
                to = hands_on(function, turn) ? image_function(image, turn->target) : NULL;
                changed |= to && !to->carry;
                if (to)
                    to->carry = true;
            }
        }
    }
}

static void decode_function(struct patch_image *image, struct patch_function *function)
{
    uint32_t at = function->start, added = PATCH_NOWHERE, sum = added,
             count = image->instruction_count;
    struct result result = {.called = PATCH_NOWHERE};
    bool framed = false, other = false, roomy = false, falls = true;
    int32_t pushed = 0;
    struct patch_instruction one;
    function->first = count;
    function->first_turn = image->turn_count;
    for (; at < function->end && count < image->instruction_room; count++) {
        struct patch_instruction *in = image->quick ? &one : &image->instructions[count];
        if (!read_one(image, function, at, in))
            break;
        if (flow_direct(in->flow) && in->target == PATCH_NOWHERE)
            function->native = true;
        if (image->bytes[at] == BREAKPOINT) {
            function->native |= falls; /* else it may be there against speculation */
            function->stops = true;
        }
        falls = flow_falls(in->flow);
        note_result(image, &result, in);
        if (image->bytes[at] == LOCK)
            image->pairs |= is_pair_exchange(image->bytes + at, in->length);
        if (image->bytes[at] == FS)
            image->locals |= is_thread_pointer(image->bytes + at, in->length);
        roomy |= in->length >= 4 && makes_room(image->bytes + at);
        pushed += roomy && is_push(image->bytes + at) ? 8 : 0;
        if (in->trait == TRAIT_ADDRESS)
            note_address(function, in, pushed);
        if (in->trait == TRAIT_FRAME && roomy) /* no frame pointer: the address of a variable */
            function->known_rsp = function->known_rbp = INT32_MIN;
        if (in->trait == TRAIT_ADD)
            added = count;
        if (in->trait == TRAIT_ADD || in->trait == TRAIT_SUM)
            sum = count;
        if (in->flow == FLOW_JUMP_INDIRECT && in->memory == MEMORY_NONE) {
            function->added |= added != PATCH_NOWHERE && count - added < SUM_REACH;
            function->summed |= sum != PATCH_NOWHERE && count - sum < SUM_REACH;
        }
        function->carry |= in->trait == TRAIT_CARRY;
        function->down |= in->trait == TRAIT_DOWN;
        framed |= in->trait == TRAIT_FRAME;
        other |=
            in->changes & 1u << PATCH_RBP && in->trait != TRAIT_FRAME && in->trait != TRAIT_UNFRAME;
        if (image->turns)
            note_turn(image, in);
        if (image->marks)
            image->marks[at] |= MARK_START;
        if (!image->quick)
            image->number[at] = count;
        at += in->length;
    }
    image->instruction_count = count;
    function->native |= at != function->end;
    function->falls = falls;
    finish(image, function, framed, other);
}

bool patch_decode_functions(struct patch_image *image)
{
    /* Two bytes is the least that instructions take on average; more are never met (redis: 4.2). */
    image->instruction_room = image->size / 2 + 16;
    if (!image->quick)
        image->instructions =
            arena_take(image->arena, (size_t)image->instruction_room * sizeof *image->instructions);
    if (!image->marks)
        image->marks = arena_take_zeroed(image->arena, (size_t)image->size + 64);
    if (!image->number)
        image->number =
            arena_take(image->arena, ((size_t)image->size + 64) * sizeof *image->number);
    image->turns = arena_take(image->arena, (size_t)image->instruction_room * sizeof *image->turns);
    if (!(image->instructions || image->quick) || !image->marks || !image->number || !image->turns)
        return false;
    for (uint32_t i = 0; i < image->function_count; i++) {
        struct patch_function *function = &image->functions[i];
        function->known_rsp = function->known_rbp = INT32_MAX;
        function->first = function->last = image->instruction_count;
        function->first_turn = function->last_turn = image->turn_count;
        function->skipped =
            linkage(image->bytes + function->start, function->end - function->start);
        if (!function->skipped)
            decode_function(image, function);
    }
    join_frames(image);
    spread_results(image);
    image->locals = image->locals || patch_shares_locals(image);
    finish_all(image);
    return true;
}

/* With arrays that are there, of functions that were found good before. */
void patch_decode_again(struct patch_image *image)
{
    image->instruction_count = 0;
    for (uint32_t i = 0; i < image->function_count; i++)
        decode_function(image, &image->functions[i]);
    finish_all(image);
}

/*
 * Where control can come from: entries, that is instructions to which control may come from anywhere but a copied direct
 * branch: function starts, the places after calls, targets of jump tables, landing pads, code whose address is taken.
 *
 * Invariant: too many entries cost a few jumps; an entry that is missed runs unrecorded, or, if it lies within the five
 * bytes of a jump, crashes. So whatever might be an address of an instruction is taken for one.
 */
#include "shim/patch_code.h"

#include <elf.h>

#include "shim/banned.h"
#include "shim/patch_scan.h"

#define TABLE_ENTRIES 8192u /* most of one jump table */
#define GAP_LEAST     2u    /* bytes without a frame description that may be a branch */
#define LOOK_AHEAD    16u   /* instructions within which an address is used */
#define REACH_ROUNDS  8u

/* ---- the image ---- */

bool image_constant(const struct patch_image *image, uintptr_t address, size_t size)
{
    if (address >= image->relro_low && address + size <= image->relro_high)
        return true;
    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct patch_segment *segment = &image->segments[i];
        if (address >= segment->low && address + size <= segment->high)
            return !segment->writable;
    }
    return false;
}

struct patch_function *image_function(const struct patch_image *image, uint32_t offset)
{
    uint32_t low = 0, high = image->function_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (image->functions[middle].end <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < image->function_count && image->functions[low].start <= offset
               ? &image->functions[low]
               : NULL;
}

/* ---- entries ---- */

static void entry(struct patch_image *image, uintptr_t address)
{
    if (image_code(image, address))
        image->marks[address - (uintptr_t)image->text] |= MARK_ENTRY;
}

static bool in_text(const struct patch_image *image, uintptr_t address)
{
    return image_offset(image, address) != PATCH_NOWHERE;
}

static bool in_function(const struct patch_image *image, uintptr_t address)
{
    uint32_t offset = image_offset(image, address);
    return offset != PATCH_NOWHERE && image_function(image, offset);
}

/* A table of distances from itself, as long as they lead to instructions. Returns how many entries it has. */
static uint32_t table_relative(struct patch_image *image, uintptr_t table)
{
    uint32_t count = 0;
    for (; count < TABLE_ENTRIES; count++) {
        uintptr_t place = table + 4ull * count;
        if (!image_constant(image, place, 4) || in_function(image, place))
            break;
        uintptr_t target = table + (uintptr_t)(intptr_t) * (const int32_t *)place;
        if (!image_code(image, target))
            break;
        entry(image, target);
    }
    return count;
}

static void table_absolute(struct patch_image *image, uintptr_t table)
{
    for (uint32_t i = 0; i < TABLE_ENTRIES; i++) {
        uintptr_t place = table + 8ull * i;
        if (!image_constant(image, place, 8) || !image_code(image, *(const uint64_t *)place))
            break;
        entry(image, *(const uint64_t *)place);
    }
}

/*
 * The kernel restarts a sequence (rseq, man 2 rseq) where its descriptor says, which is not in a copy: its function stays as
 * it is. The descriptor is two words of 4 bytes, start, length and the place to go to instead, in front of which is a
 * signature; `place` has that last address.
 */
#define RSEQ_SIGNATURE 0x53053053u /* glibc registers it for all of the process */
#define RSEQ_START     16u         /* bytes from there to the end */

static bool in_segment(const struct patch_image *image, uintptr_t low, uintptr_t high)
{
    for (uint32_t i = 0; i < image->segment_count; i++)
        if (low >= image->segments[i].low && high <= image->segments[i].high)
            return true;
    return false;
}

/* A word that the dynamic linker adds the bias to; it has not yet, when it tells that a library has come. */
static uintptr_t pointer_at(const struct patch_image *image, uintptr_t place)
{
    return in_segment(image, place, place + 8) ? image_pointer(image, *(const uint64_t *)place) : 0;
}

static void restartable(const struct patch_image *image, uintptr_t address, uintptr_t starts)
{
    uint32_t at = image_offset(image, address), signature;
    if (at == PATCH_NOWHERE || at < sizeof(signature))
        return;
    __builtin_memcpy(&signature, image->bytes + at - sizeof(signature), sizeof(signature));
    if (signature != RSEQ_SIGNATURE)
        return;
    uint32_t start = image_offset(image, starts);
    struct patch_function *function = start == PATCH_NOWHERE ? NULL : image_function(image, start);
    if (function)
        function->native = true;
}

/* Where the sequence starts: the relocation just before has it, which may not have been made yet. */
static uintptr_t starts_at(const struct patch_image *image, const Elf64_Rela *relocation)
{
    const Elf64_Rela *before = relocation - 1;
    if ((uintptr_t)relocation > image->relocations &&
        before->r_offset + RSEQ_START == relocation->r_offset)
        return image->bias + (uintptr_t)before->r_addend;
    return pointer_at(image, image->bias + relocation->r_offset - RSEQ_START);
}

static void relocations(struct patch_image *image)
{
    for (size_t at = 0; at + sizeof(Elf64_Rela) <= image->relocation_bytes;
         at += sizeof(Elf64_Rela)) {
        const Elf64_Rela *relocation = (const Elf64_Rela *)(image->relocations + at);
        uint64_t type = ELF64_R_TYPE(relocation->r_info);
        if (type == R_X86_64_RELATIVE || type == R_X86_64_IRELATIVE) {
            entry(image, image->bias + (uintptr_t)relocation->r_addend);
            restartable(image, image->bias + (uintptr_t)relocation->r_addend,
                        starts_at(image, relocation));
        } else if (type == R_X86_64_64 && image->symbols) {
            const Elf64_Sym *symbol =
                (const Elf64_Sym *)image->symbols + ELF64_R_SYM(relocation->r_info);
            if (symbol->st_shndx != SHN_UNDEF)
                entry(image, image->bias + symbol->st_value + (uintptr_t)relocation->r_addend);
        }
    }
}

static void relocated(struct patch_image *image, uintptr_t place)
{
    entry(image, pointer_at(image, place));
    restartable(image, pointer_at(image, place), pointer_at(image, place - RSEQ_START));
}

/* The short form (ld -z pack-relative-relocs): an even word is the address of one, an odd one has a bit for each of the 63 that
 * follow. */
static void relocations_packed(struct patch_image *image)
{
    const uint64_t *packed = (const uint64_t *)image->relative;
    uintptr_t next = 0;
    for (size_t i = 0; i < image->relative_bytes / sizeof(*packed); i++) {
        if (!(packed[i] & 1)) {
            relocated(image, image->bias + packed[i]);
            next = image->bias + packed[i] + 8;
            continue;
        }
        for (uint32_t bit = 1; bit < 64; bit++)
            if (packed[i] >> bit & 1)
                relocated(image, next + (bit - 1) * 8);
        next += 63 * 8;
    }
}

/* Of the dynamic symbols the hash table leads to those that are defined: from *first on, up to what is returned. */
static uint32_t exported(const struct patch_image *image, uint32_t *first)
{
    const uint32_t *hash = NULL, *sysv = NULL;
    for (const Elf64_Dyn *entry = image->dynamic; entry && entry->d_tag != DT_NULL; entry++) {
        const void *table = (const void *)image_pointer(image, entry->d_un.d_ptr);
        hash = entry->d_tag == DT_GNU_HASH ? table : hash;
        sysv = entry->d_tag == DT_HASH ? table : sysv;
    }
    *first = 1;
    if (!image->symbols || !hash)
        return image->symbols && sysv ? sysv[1] : 0;
    uint32_t buckets = hash[0], last = 0;
    const uint32_t *bucket = hash + 4 + 2 * (size_t)hash[2], *chain = bucket + buckets;
    *first = hash[1];
    for (uint32_t b = 0; b < buckets; b++)
        last = bucket[b] > last ? bucket[b] : last;
    while (last >= *first && !(chain[last - *first] & 1))
        last++;
    return last ? last + 1 : 0;
}

static bool exports_locals(const struct patch_image *image)
{
    const Elf64_Sym *symbols = (const Elf64_Sym *)image->symbols;
    uint32_t i, end = exported(image, &i);
    for (; i < end; i++)
        if (ELF64_ST_TYPE(symbols[i].st_info) == STT_TLS)
            return true;
    return false;
}

/* Other modules may call what has a name, also in the midst of what has one frame description. */
static void names(struct patch_image *image)
{
    const Elf64_Sym *symbols = (const Elf64_Sym *)image->symbols;
    uint32_t i, end = exported(image, &i);
    for (; i < end; i++)
        if (symbols[i].st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbols[i].st_info) != STT_TLS)
            entry(image, image->bias + symbols[i].st_value);
}

/* Does it have thread-local variables in common with another module, which may take their addresses? */
bool patch_shares_locals(const struct patch_image *image)
{
    for (size_t at = 0; at + sizeof(Elf64_Rela) <= image->relocation_bytes;
         at += sizeof(Elf64_Rela)) {
        uint64_t info = ((const Elf64_Rela *)(image->relocations + at))->r_info;
        uint64_t type = ELF64_R_TYPE(info);
        if (ELF64_R_SYM(info) && (type == R_X86_64_TPOFF64 || type == R_X86_64_TLSDESC))
            return true;
    }
    return exports_locals(image);
}

/* In a program at a fixed address any word of its data may be an address of code. */
static void words(struct patch_image *image)
{
    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct patch_segment *segment = &image->segments[i];
        if (in_text(image, segment->low))
            continue;
        for (uintptr_t at = (segment->low + 3) & ~(uintptr_t)3; at + 8 <= segment->high; at += 4)
            if (*(const uint64_t *)at - (uintptr_t)image->text < image->size) {
                entry(image, *(const uint64_t *)at);
                restartable(image, *(const uint64_t *)at, pointer_at(image, at - RSEQ_START));
            }
    }
}

/*
 * Code without frame descriptions may branch into a function. Decoded from the start of each gap; where that is not code,
 * what comes out are chance targets, harmless.
 */
static void gap(struct patch_image *image, uint32_t from, uint32_t to)
{
    if (to - from < GAP_LEAST)
        return;
    for (uint32_t at = from; at < to;) {
        struct patch_instruction in;
        uint64_t value;
        uintptr_t address = (uintptr_t)image->text + at;
        if (!patch_scan(image->bytes + at, to - at, address, &in, &value)) {
            at++;
            continue;
        }
        if (in.flow == FLOW_BRANCH || in.flow == FLOW_JUMP || in.flow == FLOW_CALL ||
            in.flow == FLOW_LOOP || image->fixed)
            entry(image, value);
        if (in.trait == TRAIT_LEA_RIP)
            entry(image, (uintptr_t)in.displacement);
        at += in.length;
    }
}

static void gaps(struct patch_image *image)
{
    uint32_t last = 0;
    for (uint32_t i = 0; i < image->function_count; i++) {
        gap(image, last, image->functions[i].start);
        last = image->functions[i].end;
    }
    gap(image, last, image->size);
}

static void mark_target(struct patch_image *image, const struct patch_turn *turn)
{
    if (turn->target != PATCH_NOWHERE && turn->flow != FLOW_NEXT && turn->flow != FLOW_CALL &&
        !(image->marks[turn->offset] & MARK_KEEP))
        image->marks[turn->target] |= MARK_TARGET;
}

/* Direct branches: into the middle of an instruction of ours means that one of the two is no code. */
static void branches(struct patch_image *image, struct patch_function *function)
{
    EACH_TURN(image, function, turn)
    {
        if (turn->target == PATCH_NOWHERE || turn->flow == FLOW_NEXT)
            continue;
        if (!(image->marks[turn->target] & MARK_START)) {
            struct patch_function *to = image_function(image, turn->target);
            if (to && !to->skipped)
                function->native = to->native = true;
        }
        mark_target(image, turn);
    }
}

/*
 * Is what `turn` takes the address of read from there, soon? Then it is a constant between the instructions, which is not to
 * be overwritten. (Not seen where somebody else reads it.)
 */
static bool is_read(const struct patch_image *image, const struct patch_function *function,
                    const struct patch_turn *turn)
{
    struct patch_instruction in;
    uint32_t at = turn->offset, name = 0;
    for (uint32_t i = 0; i < LOOK_AHEAD && at < function->end; i++, at += in.length) {
        uint64_t value;
        if (!patch_decode(image->bytes + at, function->end - at, (uintptr_t)image->text + at, &in,
                          &value))
            return false;
        if (i == 0)
            name = in.changes;
        else if (in.flow == FLOW_NEXT && in.bits & INSTRUCTION_READS &&
                 ((in.base < PATCH_REGISTERS && name >> in.base & 1) ||
                  (in.index < PATCH_REGISTERS && name >> in.index & 1)))
            return true;
        if (i && (!flow_falls(in.flow) || in.changes & name))
            return false;
    }
    return false;
}

static void address_taken(struct patch_image *image, const struct patch_function *function,
                          const struct patch_turn *turn, uintptr_t address)
{
    const struct patch_function *to = image_function(image, image_offset(image, address));
    if (to && (image_offset(image, address) == to->start || !is_read(image, function, turn)))
        entry(image, address);
}

static void addresses_taken(struct patch_image *image, struct patch_function *function)
{
    EACH_TURN(image, function, turn)
    {
        uintptr_t next = (uintptr_t)image->text + turn->offset + turn->length;
        if (turn->trait == TRAIT_LEA_RIP) {
            uintptr_t value = next + (uintptr_t)(intptr_t)turn->displacement;
            if (in_function(image, value))
                address_taken(image, function, turn, value);
            else if (image_constant(image, value, 4)) /* which may be in one segment with code */
                function->table |= table_relative(image, value) > 0;
        } else if (turn->trait == TRAIT_TABLE) {
            table_absolute(image, (uintptr_t)(uint32_t)turn->displacement);
        } else if (turn->flow == FLOW_NEXT && turn->target != PATCH_NOWHERE) {
            address_taken(image, function, turn, (uintptr_t)image->text + turn->target);
        }
    }
}

/* ---- what nobody is known to come to ---- */

/* Nothing but what fills up? */
static bool fills(const struct patch_image *image, uint32_t from, uint32_t to)
{
    struct patch_instruction in;
    uint64_t value;
    for (uint32_t at = from; at < to; at += in.length) {
        in.length = 1;
        if (image->bytes[at] != BREAKPOINT &&
            !(patch_scan(image->bytes + at, to - at, (uintptr_t)image->text + at, &in, &value) &&
              in.trait == TRAIT_NOP))
            return false;
    }
    return true;
}

/*
 * What lies behind a jump or a return, up to where control is known to come, is constants, or code that is reached in a way
 * that is not seen here: it stays as it is, and runs unrecorded. Returns whether there is more of it than was known.
 */
static bool keep_unreached(struct patch_image *image, struct patch_function *function)
{
    uint32_t until = 0;
    bool more = false;
    EACH_TURN(image, function, turn)
    {
        uint32_t from = turn->offset + turn->length;
        if (flow_falls(turn->flow) || from < until)
            continue;
        for (until = from; until < function->end; until++)
            if (image->marks[until] & MARK_START &&
                image->marks[until] & (MARK_TARGET | MARK_ENTRY))
                break;
        if (fills(image, from, until))
            continue;
        function->keeps = true;
        for (uint32_t at = from; at < until; at++) {
            more |= !(image->marks[at] & MARK_KEEP);
            image->marks[at] |= MARK_KEEP;
        }
    }
    return more;
}

/* Where only that branches to is not known to be reached either. */
static void unreached(struct patch_image *image)
{
    bool more = true;
    for (uint32_t round = 0; more && round < REACH_ROUNDS; round++) {
        more = false;
        for (uint32_t i = 0; i < image->function_count; i++)
            more |= keep_unreached(image, &image->functions[i]);
        if (!more)
            return;
        for (uint32_t at = 0; at < image->size; at += 8) { /* there is more memory than marks */
            uint64_t eight;
            __builtin_memcpy(&eight, image->marks + at, sizeof eight);
            eight &= ~(MARK_TARGET * UINT64_C(0x0101010101010101));
            __builtin_memcpy(image->marks + at, &eight, sizeof eight);
        }
        for (uint32_t i = 0; i < image->function_count; i++) {
            EACH_TURN(image, &image->functions[i], turn)
            mark_target(image, turn);
        }
    }
}

static void landing_pad(void *image, uintptr_t address)
{
    entry(image, address);
}

static void function_entries(struct patch_image *image, const struct patch_function *function)
{
    uintptr_t text = (uintptr_t)image->text;
    entry(image, text + function->start);
    patch_landing_pads(image, function, landing_pad, image);
    EACH_TURN(image, function, turn)
    {
        if (turn->target != PATCH_NOWHERE && (turn->flow == FLOW_CALL || function->native))
            entry(image, text + turn->target);
    }
}

/* The places after calls; and where control goes from what stays as it is. */
static void entries_behind_calls(struct patch_image *image, const struct patch_function *function)
{
    uintptr_t text = (uintptr_t)image->text;
    EACH_TURN(image, function, turn)
    {
        uint32_t next = turn->offset + turn->length;
        bool kept = image->marks[turn->offset] & MARK_KEEP;
        if (kept && turn->target != PATCH_NOWHERE && turn->flow != FLOW_NEXT)
            entry(image, text + turn->target);
        if (flow_calls(turn->flow) && !kept && next < function->end)
            entry(image, text + next);
    }
    for (uint32_t at = function->start + 1; function->keeps && at < function->end; at++)
        if (image->marks[at - 1] & MARK_KEEP && !(image->marks[at] & MARK_KEEP))
            entry(image, text + at);
}

static bool reads_stack(const struct patch_instruction *in)
{
    return in->bits & INSTRUCTION_READS && (in->base == PATCH_RSP || in->base == PATCH_RBP);
}

/* What is read from memory, but what was put away on the stack, and no part of it is what was in the register. */
static bool loads(const struct patch_instruction *in, uint32_t name)
{
    return in->bits & INSTRUCTION_READS && !reads_stack(in) && in->writes >> name & 1 &&
           (!(in->reads >> name & 1) || in->base == name || in->index == name);
}

/* Registers that hold, at any time in this function, a sum of two registers or what was made of one. */
static uint32_t sums_in(const struct patch_image *image, const struct patch_function *function)
{
    uint32_t sums = 0, before;
    do {
        struct patch_instruction in;
        uint64_t value;
        before = sums;
        for (uint32_t at = function->start; at < function->end; at += in.length) {
            if (!patch_decode(image->bytes + at, function->end - at, (uintptr_t)image->text + at,
                              &in, &value))
                return PATCH_ALL;
            if (in.trait == TRAIT_ADD || in.reads & sums || (sums && reads_stack(&in)))
                for (uint32_t name = 0; name < PATCH_REGISTERS; name++)
                    sums |= in.changes >> name & 1 && !loads(&in, name) ? 1u << name : 0;
        }
    } while (sums != before);
    return sums;
}

/*
 * Of a function that has an addition a few instructions before a jump through a register: may it be the sum that is jumped
 * to? Not where the register was loaded in the same straight piece of code, or is none that ever holds a sum. Interpreters
 * jump so to addresses that they have read from a table.
 */
static bool jumps_to_sum(const struct patch_image *image, const struct patch_function *function)
{
    struct patch_instruction in;
    uint32_t loaded = 0, sums = 0, summed = 0; /* the last in the same straight piece of code */
    uint64_t value;
    bool known = false;
    for (uint32_t at = function->start; at < function->end; at += in.length) {
        if (!patch_decode(image->bytes + at, function->end - at, (uintptr_t)image->text + at, &in,
                          &value))
            return true;
        if (image->marks[at] & (MARK_TARGET | MARK_ENTRY))
            loaded = summed = 0;
        if (in.flow == FLOW_JUMP_INDIRECT && in.memory == MEMORY_NONE && in.reads & summed)
            return true;
        if (function->added && in.flow == FLOW_JUMP_INDIRECT && in.memory == MEMORY_NONE &&
            in.reads & ~loaded) {
            sums = known ? sums : sums_in(image, function);
            known = true;
            if (in.reads & sums & ~loaded)
                return true;
        }
        bool sum = in.trait == TRAIT_ADD || in.trait == TRAIT_SUM ||
                   (in.memory == MEMORY_NONE && in.reads & summed);
        summed = sum ? summed | in.changes : summed & ~(uint32_t)in.changes;
        for (uint32_t name = 0; name < PATCH_REGISTERS; name++)
            if (in.changes >> name & 1)
                loaded = loads(&in, name) ? loaded | 1u << name : loaded & ~(1u << name);
        if (in.flow != FLOW_NEXT)
            loaded = summed = 0;
    }
    return false;
}

/* An int3 that control comes to was put there by somebody, over the program's own instruction. */
static void breakpoints(const struct patch_image *image, struct patch_function *function)
{
    EACH_TURN(image, function, turn)
    {
        if (turn->flow == FLOW_TRAP && image->bytes[turn->offset] == BREAKPOINT)
            function->native |= (image->marks[turn->offset] & (MARK_ENTRY | MARK_TARGET)) != 0;
    }
}

void patch_discover_entries(struct patch_image *image)
{
    for (uint32_t i = 0; i < image->function_count; i++) {
        branches(image, &image->functions[i]);
        addresses_taken(image, &image->functions[i]);
    }
    relocations(image);
    relocations_packed(image);
    names(image);
    if (image->fixed)
        words(image);
    gaps(image);
    for (uint32_t i = 0; i < image->function_count; i++) {
        struct patch_function *function = &image->functions[i];
        if (function->summed && !function->table)
            function->native |= jumps_to_sum(image, function); /* targets are unknown */
        if (function->stops)
            breakpoints(image, function);
    }
    for (uint32_t i = 0; i < image->function_count; i++)
        function_entries(image, &image->functions[i]);
    unreached(image);
    for (uint32_t i = 0; i < image->function_count; i++)
        entries_behind_calls(image, &image->functions[i]);
}

/*
 * Machine code to struct patch_instruction, by Zydis. Zydis is loaded only by a process that patches, by dlopen, so that
 * none of its names gets into the host's scope; it neither allocates nor keeps state.
 */
#include "shim/patch_code.h"

#include <Zydis/Zydis.h>
#include <cpuid.h>
#include <dlfcn.h>

#include "shim/banned.h"

bool patch_has_bmi2;

static ZydisDecoder decoder;
static ZyanStatus (*decode_instruction)(const ZydisDecoder *, ZydisDecoderContext *, const void *,
                                        ZyanUSize, ZydisDecodedInstruction *);
static ZyanStatus (*decode_operands)(const ZydisDecoder *, const ZydisDecoderContext *,
                                     const ZydisDecodedInstruction *, ZydisDecodedOperand *,
                                     ZyanU8);

bool patch_decode_open(void)
{
    if (decode_operands)
        return true;
    void *library = dlopen("libZydis.so.4.0", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return false;
    ZyanStatus (*init)(ZydisDecoder *, ZydisMachineMode, ZydisStackWidth);
    *(void **)(void *)&init = dlsym(library, "ZydisDecoderInit");
    *(void **)(void *)&decode_instruction = dlsym(library, "ZydisDecoderDecodeInstruction");
    *(void **)(void *)&decode_operands = dlsym(library, "ZydisDecoderDecodeOperands");
    if (!init || !decode_instruction || !decode_operands ||
        !ZYAN_SUCCESS(init(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64))) {
        decode_operands = NULL;
        return false;
    }
    unsigned a = 0, b = 0, c = 0, d = 0;
    patch_has_bmi2 = __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & 1u << 8 &&
                     b & 1u << 3; /* andn: BMI1, which is older */
    return true;
}

/* ---- registers ---- */

/* Number of the general register that this one is or is part of, or PATCH_NO_REGISTER. */
static uint8_t general(ZydisRegister name)
{
    if (name >= ZYDIS_REGISTER_RAX && name <= ZYDIS_REGISTER_R15)
        return (uint8_t)(name - ZYDIS_REGISTER_RAX);
    if (name >= ZYDIS_REGISTER_EAX && name <= ZYDIS_REGISTER_R15D)
        return (uint8_t)(name - ZYDIS_REGISTER_EAX);
    if (name >= ZYDIS_REGISTER_AX && name <= ZYDIS_REGISTER_R15W)
        return (uint8_t)(name - ZYDIS_REGISTER_AX);
    if (name >= ZYDIS_REGISTER_AL && name <= ZYDIS_REGISTER_BL)
        return (uint8_t)(name - ZYDIS_REGISTER_AL);
    if (name >= ZYDIS_REGISTER_AH && name <= ZYDIS_REGISTER_BH)
        return (uint8_t)(name - ZYDIS_REGISTER_AH);
    if (name >= ZYDIS_REGISTER_SPL && name <= ZYDIS_REGISTER_R15B)
        return (uint8_t)(name - ZYDIS_REGISTER_SPL + 4);
    return PATCH_NO_REGISTER;
}

static bool vector_register(ZydisRegister name, uint8_t *number, uint8_t *bytes)
{
    if (name >= ZYDIS_REGISTER_XMM0 && name <= ZYDIS_REGISTER_XMM31) {
        *number = (uint8_t)(name - ZYDIS_REGISTER_XMM0);
        *bytes = 16;
    } else if (name >= ZYDIS_REGISTER_YMM0 && name <= ZYDIS_REGISTER_YMM31) {
        *number = (uint8_t)(name - ZYDIS_REGISTER_YMM0);
        *bytes = 32;
    } else if (name >= ZYDIS_REGISTER_ZMM0 && name <= ZYDIS_REGISTER_ZMM31) {
        *number = (uint8_t)(name - ZYDIS_REGISTER_ZMM0);
        *bytes = 64;
    } else {
        return false;
    }
    return true;
}

static void register_operand(struct patch_instruction *in, const ZydisDecodedOperand *operand)
{
    uint8_t number = general(operand->reg.value);
    if (number == PATCH_NO_REGISTER)
        return;
    uint16_t bit = (uint16_t)(1u << number);
    if (operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ)
        in->reads |= bit;
    if (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
        in->changes |= bit;
    /* Only a write of 32 or 64 bits that surely happens leaves nothing of what was there. */
    if (operand->actions & ZYDIS_OPERAND_ACTION_WRITE && operand->size >= 32)
        in->writes |= bit;
    else if (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
        in->reads |= bit;
}

/* ---- memory ---- */

/*
 * A permutation, whose mask is of where elements go, reads all that it may take them from: instructions without fault
 * suppression, and those that Zydis has in another class.
 */
static bool takes_all(const ZydisDecodedInstruction *zydis)
{
    switch ((uint32_t)zydis->mnemonic) {
    case ZYDIS_MNEMONIC_VCVTNE2PS2BF16:
    case ZYDIS_MNEMONIC_VDBPSADBW:
    case ZYDIS_MNEMONIC_VGF2P8AFFINEINVQB:
    case ZYDIS_MNEMONIC_VGF2P8AFFINEQB:
        return true;
    default:
        break;
    }
    switch ((uint32_t)zydis->meta.exception_class) {
    case ZYDIS_EXCEPTION_CLASS_E1NF:
    case ZYDIS_EXCEPTION_CLASS_E3NF:
    case ZYDIS_EXCEPTION_CLASS_E4NF:
    case ZYDIS_EXCEPTION_CLASS_E5NF:
    case ZYDIS_EXCEPTION_CLASS_E6NF:
    case ZYDIS_EXCEPTION_CLASS_E7NM:
    case ZYDIS_EXCEPTION_CLASS_E9NF:
        return true;
    default:
        return false;
    }
}

static bool vector_class(struct patch_instruction *in, const ZydisDecodedInstruction *zydis,
                         const ZydisDecodedOperand *operands, const ZydisDecodedOperand *memory)
{
    ZydisRegister mask = zydis->avx.mask.reg;
    bool masked = mask >= ZYDIS_REGISTER_K1 && mask <= ZYDIS_REGISTER_K7 && !takes_all(zydis);
    bool by_sign = zydis->mnemonic == ZYDIS_MNEMONIC_VMASKMOVPS ||
                   zydis->mnemonic == ZYDIS_MNEMONIC_VMASKMOVPD ||
                   zydis->mnemonic == ZYDIS_MNEMONIC_VPMASKMOVD ||
                   zydis->mnemonic == ZYDIS_MNEMONIC_VPMASKMOVQ;
    bool spread = memory->mem.type == ZYDIS_MEMOP_TYPE_VSIB;
    if (!masked && !by_sign && !spread)
        return false;
    in->memory = MEMORY_UNSUPPORTED;
    if (memory->element_size % 8 || memory->element_size == 0)
        return true;
    in->size = memory->element_size / 8;
    uint8_t mask_bytes = 0;
    if (masked) {
        in->vector_mask = (uint8_t)(mask - ZYDIS_REGISTER_K0);
        in->vector |= VECTOR_MASK_K;
    } else {
        /* The sign mask is the operand that is neither data nor memory: the second register of a load or store, the
         * third operand of a gather. */
        uint8_t at = spread ? 2 : operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY ? 1 : 1;
        if (!vector_register(operands[at].reg.value, &in->vector_mask, &mask_bytes))
            return true;
        in->vector |= VECTOR_MASK;
    }
    in->vector_bytes = mask_bytes;
    if (spread) {
        uint8_t bytes;
        if (!vector_register(memory->mem.index, &in->vector_index, &bytes))
            return true;
        in->vector |= VECTOR_INDEX;
        in->vector_bytes = bytes > mask_bytes ? bytes : mask_bytes;
        switch ((uint32_t)zydis->mnemonic) {
        case ZYDIS_MNEMONIC_VPGATHERQD:
        case ZYDIS_MNEMONIC_VPGATHERQQ:
        case ZYDIS_MNEMONIC_VGATHERQPS:
        case ZYDIS_MNEMONIC_VGATHERQPD:
        case ZYDIS_MNEMONIC_VPSCATTERQD:
        case ZYDIS_MNEMONIC_VPSCATTERQQ:
        case ZYDIS_MNEMONIC_VSCATTERQPS:
        case ZYDIS_MNEMONIC_VSCATTERQPD:
            in->vector |= VECTOR_WIDE;
            break;
        default:
            break;
        }
        uint32_t indices = bytes / (in->vector & VECTOR_WIDE ? 8u : 4u);
        uint32_t values =
            (zydis->avx.vector_length ? zydis->avx.vector_length : 128) / 8u / in->size;
        in->elements = (uint8_t)(indices < values ? indices : values);
    } else {
        uint32_t count = memory->element_count;
        if (zydis->avx.broadcast.mode != ZYDIS_BROADCAST_MODE_INVALID || count == 0 || count > 64)
            return true;
        in->elements = (uint8_t)count;
    }
    switch ((uint32_t)zydis->mnemonic) {
    case ZYDIS_MNEMONIC_VPCOMPRESSD:
    case ZYDIS_MNEMONIC_VPCOMPRESSQ:
    case ZYDIS_MNEMONIC_VPCOMPRESSB:
    case ZYDIS_MNEMONIC_VPCOMPRESSW:
    case ZYDIS_MNEMONIC_VCOMPRESSPS:
    case ZYDIS_MNEMONIC_VCOMPRESSPD:
    case ZYDIS_MNEMONIC_VPEXPANDD:
    case ZYDIS_MNEMONIC_VPEXPANDQ:
    case ZYDIS_MNEMONIC_VPEXPANDB:
    case ZYDIS_MNEMONIC_VPEXPANDW:
    case ZYDIS_MNEMONIC_VEXPANDPS:
    case ZYDIS_MNEMONIC_VEXPANDPD:
        in->vector |= VECTOR_PACKED;
        break;
    default:
        break;
    }
    in->memory = MEMORY_VECTOR;
    return true;
}

static bool string_operation(const ZydisDecodedInstruction *zydis)
{
    return zydis->meta.category == ZYDIS_CATEGORY_STRINGOP ||
           zydis->meta.category == ZYDIS_CATEGORY_IOSTRINGOP;
}

static void string_operand(struct patch_instruction *in, const ZydisDecodedInstruction *zydis,
                           const ZydisDecodedOperand *operand)
{
    in->memory = zydis->address_width == 64 && zydis->meta.category == ZYDIS_CATEGORY_STRINGOP
                     ? MEMORY_STRING
                     : MEMORY_UNSUPPORTED;
    in->size = operand->size / 8;
    if (zydis->attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE))
        in->bits |= INSTRUCTION_REPEATED;
    /* cmps and scas compare what they read, and set flags */
    if (zydis->cpu_flags && zydis->cpu_flags->modified)
        in->bits |= INSTRUCTION_COMPARES;
    /* Which operands there are: by rsi it reads, by rdi it writes unless it compares. */
    if (general(operand->mem.base) == 6)
        in->vector |= 1;
    else
        in->vector |= 2;
}

static bool prefetches(const ZydisDecodedInstruction *zydis)
{
    switch ((uint32_t)zydis->meta.category) {
    case ZYDIS_CATEGORY_PREFETCH:
    case ZYDIS_CATEGORY_PREFETCHWT1:
    case ZYDIS_CATEGORY_CLDEMOTE:
    case ZYDIS_CATEGORY_MPX: /* no processor has it any more */
    case ZYDIS_CATEGORY_NOP:
    case ZYDIS_CATEGORY_WIDENOP:
    case ZYDIS_CATEGORY_CLFLUSHOPT:
    case ZYDIS_CATEGORY_CLWB:
        return true;
    default:
        return zydis->mnemonic == ZYDIS_MNEMONIC_CLFLUSH;
    }
}

static bool memory_operand(struct patch_instruction *in, const ZydisDecodedInstruction *zydis,
                           const ZydisDecodedOperand *operands, const ZydisDecodedOperand *operand,
                           uintptr_t address)
{
    uint8_t base = general(operand->mem.base), index = general(operand->mem.index);
    if (base != PATCH_NO_REGISTER)
        in->reads |= (uint16_t)(1u << base);
    if (index != PATCH_NO_REGISTER)
        in->reads |= (uint16_t)(1u << index);
    if (operand->mem.base == ZYDIS_REGISTER_EIP)
        return false;
    if (operand->mem.base == ZYDIS_REGISTER_RIP) {
        in->bits |= INSTRUCTION_RELATIVE;
        in->displacement_at = zydis->raw.disp.offset;
        in->displacement = (int64_t)(address + zydis->length) + operand->mem.disp.value;
    }
    if (operand->mem.type == ZYDIS_MEMOP_TYPE_AGEN || operand->mem.type == ZYDIS_MEMOP_TYPE_MIB) {
        in->base = base;
        if (!(in->bits & INSTRUCTION_RELATIVE))
            in->displacement = operand->mem.disp.value;
        return true;
    }
    if (string_operation(zydis)) {
        string_operand(in, zydis, operand);
        return true;
    }
    if (prefetches(zydis) ||
        !(operand->actions & (ZYDIS_OPERAND_ACTION_MASK_READ | ZYDIS_OPERAND_ACTION_MASK_WRITE)))
        return true;
    if (operand->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN) {
        /* The stack of push, pop, call, ret, enter, leave; else xlat, maskmovdqu and rarer things */
        if (base != PATCH_RSP && base != PATCH_RBP && in->memory == MEMORY_NONE)
            in->memory = MEMORY_UNSUPPORTED;
        return true;
    }
    in->base = base;
    in->index = index;
    in->scale = operand->mem.scale ? operand->mem.scale : 1;
    if (!(in->bits & INSTRUCTION_RELATIVE))
        in->displacement = operand->mem.disp.has_displacement ? operand->mem.disp.value : 0;
    in->size = operand->size / 8;
    in->bits |=
        (uint8_t)((operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ ? INSTRUCTION_READS : 0) |
                  (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE ? INSTRUCTION_WRITES : 0));
    if (operand->mem.segment == ZYDIS_REGISTER_FS || operand->mem.segment == ZYDIS_REGISTER_GS) {
        in->memory = MEMORY_THREAD;
        in->local =
            operand->mem.segment == ZYDIS_REGISTER_FS && zydis->address_width == 64 &&
            (base == PATCH_NO_REGISTER || index == PATCH_NO_REGISTER) &&
            (base != PATCH_NO_REGISTER || index != PATCH_NO_REGISTER || in->displacement < 0) &&
            base != PATCH_RSP && operand->mem.base != ZYDIS_REGISTER_RIP && in->size <= 8;
        if (!in->local ||
            !(zydis->attributes & ZYDIS_ATTRIB_HAS_LOCK || zydis->mnemonic == ZYDIS_MNEMONIC_XCHG))
            return true;
    }
    bool bit_string =
        (zydis->mnemonic == ZYDIS_MNEMONIC_BT || zydis->mnemonic == ZYDIS_MNEMONIC_BTS ||
         zydis->mnemonic == ZYDIS_MNEMONIC_BTR || zydis->mnemonic == ZYDIS_MNEMONIC_BTC) &&
        operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER;
    bool locked = zydis->attributes & ZYDIS_ATTRIB_HAS_LOCK;
    if (bit_string && locked) { /* others are rare */
        uint8_t number = general(operands[1].reg.value);
        bit_string = number == PATCH_NO_REGISTER || number == PATCH_RSP;
        in->bit = bit_string ? 0 : (uint8_t)(number + 1);
    }
    if (zydis->address_width != 64 || bit_string || in->size == 0 ||
        (index == PATCH_NO_REGISTER && operand->mem.index != ZYDIS_REGISTER_NONE &&
         operand->mem.type != ZYDIS_MEMOP_TYPE_VSIB)) {
        in->memory = MEMORY_UNSUPPORTED;
        return true;
    }
    if (vector_class(in, zydis, operands, operand))
        return true;
    if (zydis->attributes & ZYDIS_ATTRIB_HAS_LOCK || zydis->mnemonic == ZYDIS_MNEMONIC_XCHG)
        in->memory = MEMORY_LOCKED;
    else if (base == PATCH_RSP)
        in->memory = MEMORY_STACK;
    else
        in->memory = in->size <= 64 ? MEMORY_CHECKED : MEMORY_UNSUPPORTED;
    return true;
}

/* ---- control flow, flags, odd ones ---- */

#define FLAGS_ALL                                                                \
    (ZYDIS_CPUFLAG_CF | ZYDIS_CPUFLAG_PF | ZYDIS_CPUFLAG_AF | ZYDIS_CPUFLAG_ZF | \
     ZYDIS_CPUFLAG_SF | ZYDIS_CPUFLAG_OF)

static void flags_of(struct patch_instruction *in, const ZydisDecodedInstruction *zydis,
                     const ZydisDecodedOperand *operands)
{
    const ZydisAccessedFlags *flags = zydis->cpu_flags;
    if (!flags)
        return;
    if (flags->tested & FLAGS_ALL)
        in->bits |= INSTRUCTION_READS_FLAGS;
    uint32_t written = flags->modified | flags->set_0 | flags->set_1 | flags->undefined;
    /* A shift by zero leaves the flags alone; so does a string operation that repeats zero times. */
    bool maybe =
        zydis->meta.category == ZYDIS_CATEGORY_ROTATE || string_operation(zydis) ||
        (zydis->meta.category == ZYDIS_CATEGORY_SHIFT &&
         !(zydis->operand_count_visible > 1 && operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
           operands[1].imm.value.u % 32));
    if ((written & FLAGS_ALL) == FLAGS_ALL && !maybe)
        in->bits |= INSTRUCTION_WRITES_FLAGS;
}

static bool is_register(const ZydisDecodedOperand *operand, ZydisRegister name)
{
    return operand->type == ZYDIS_OPERAND_TYPE_REGISTER && operand->reg.value == name;
}

static bool flow_of(struct patch_instruction *in, const ZydisDecodedInstruction *zydis, bool direct)
{
    switch ((uint32_t)zydis->meta.category) {
    case ZYDIS_CATEGORY_COND_BR:
        in->flow = FLOW_BRANCH;
        switch ((uint32_t)zydis->mnemonic) {
        case ZYDIS_MNEMONIC_JCXZ:
            return false;
        case ZYDIS_MNEMONIC_JRCXZ:
        case ZYDIS_MNEMONIC_JECXZ:
        case ZYDIS_MNEMONIC_LOOP:
        case ZYDIS_MNEMONIC_LOOPE:
        case ZYDIS_MNEMONIC_LOOPNE:
            in->flow = FLOW_LOOP;
            break;
        default:
            break;
        }
        break;
    case ZYDIS_CATEGORY_UNCOND_BR:
        in->flow = direct ? FLOW_JUMP : FLOW_JUMP_INDIRECT;
        break;
    case ZYDIS_CATEGORY_CALL:
        in->flow = direct ? FLOW_CALL : FLOW_CALL_INDIRECT;
        break;
    case ZYDIS_CATEGORY_RET:
        in->flow = FLOW_RETURN;
        break;
    case ZYDIS_CATEGORY_INTERRUPT:
        in->flow = FLOW_TRAP;
        break;
    default:
        break;
    }
    switch ((uint32_t)zydis->mnemonic) {
    case ZYDIS_MNEMONIC_XBEGIN:
    case ZYDIS_MNEMONIC_JMP:
    case ZYDIS_MNEMONIC_CALL:
        return zydis->mnemonic != ZYDIS_MNEMONIC_XBEGIN &&
               zydis->meta.branch_type != ZYDIS_BRANCH_TYPE_FAR;
    case ZYDIS_MNEMONIC_UD0:
    case ZYDIS_MNEMONIC_UD1:
    case ZYDIS_MNEMONIC_UD2:
    case ZYDIS_MNEMONIC_HLT:
        in->flow = FLOW_TRAP;
        break;
    case ZYDIS_MNEMONIC_SYSCALL:
        in->memory = MEMORY_SYSTEM;
        break;
    case ZYDIS_MNEMONIC_CLZERO: /* they write where a register says, which is no operand */
    case ZYDIS_MNEMONIC_ENQCMD:
    case ZYDIS_MNEMONIC_ENQCMDS:
    case ZYDIS_MNEMONIC_MOVDIR64B:
        in->memory = MEMORY_UNSUPPORTED;
        break;
    default:
        break;
    }
    return true;
}

static uint8_t trait_of(const ZydisDecodedInstruction *zydis, const ZydisDecodedOperand *operands)
{
    switch ((uint32_t)zydis->mnemonic) {
    case ZYDIS_MNEMONIC_LEA:
        if (is_register(&operands[0], ZYDIS_REGISTER_RSP))
            return TRAIT_NONE;
        return operands[1].mem.base == ZYDIS_REGISTER_RIP ? TRAIT_LEA_RIP
               : operands[1].mem.base == ZYDIS_REGISTER_RSP ||
                       operands[1].mem.base == ZYDIS_REGISTER_RBP
                   ? TRAIT_ADDRESS
               : operands[1].mem.index != ZYDIS_REGISTER_NONE && operands[0].size == 64
                   ? TRAIT_SUM
                   : TRAIT_NONE;
    case ZYDIS_MNEMONIC_STC:
    case ZYDIS_MNEMONIC_CLC:
    case ZYDIS_MNEMONIC_CMC:
        return TRAIT_CARRY;
    case ZYDIS_MNEMONIC_STD:
        return TRAIT_DOWN;
    case ZYDIS_MNEMONIC_MOV:
        if (!is_register(&operands[1], ZYDIS_REGISTER_RSP))
            return TRAIT_NONE;
        return is_register(&operands[0], ZYDIS_REGISTER_RBP) ? TRAIT_FRAME : TRAIT_ADDRESS;
    case ZYDIS_MNEMONIC_POP:
    case ZYDIS_MNEMONIC_LEAVE:
        return TRAIT_UNFRAME;
    case ZYDIS_MNEMONIC_ADD:
    case ZYDIS_MNEMONIC_SUB:
        if (operands[0].type != ZYDIS_OPERAND_TYPE_REGISTER || operands[0].size != 64 ||
            operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
            return TRAIT_NONE;
        return operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
                       zydis->mnemonic == ZYDIS_MNEMONIC_ADD
                   ? TRAIT_ADD
                   : TRAIT_SUM;
    case ZYDIS_MNEMONIC_ENDBR64:
        return TRAIT_ENDBR;
    case ZYDIS_MNEMONIC_NOP:
        return TRAIT_NOP;
    case ZYDIS_MNEMONIC_CMPXCHG:
    case ZYDIS_MNEMONIC_CMPXCHG8B:
    case ZYDIS_MNEMONIC_CMPXCHG16B:
        return TRAIT_COMPARE;
    case ZYDIS_MNEMONIC_MOVAPS:
    case ZYDIS_MNEMONIC_MOVAPD:
    case ZYDIS_MNEMONIC_MOVDQA:
        return TRAIT_WHOLE;
    case ZYDIS_MNEMONIC_VMOVAPS:
    case ZYDIS_MNEMONIC_VMOVAPD:
    case ZYDIS_MNEMONIC_VMOVDQA:
    case ZYDIS_MNEMONIC_VMOVDQA32:
    case ZYDIS_MNEMONIC_VMOVDQA64:
        return TRAIT_WHOLE_AVX;
    default:
        return TRAIT_NONE;
    }
}

/*
 * Zydis says that they write a register, but it may stay what it was: of bsf and bsr where there is no bit (compilers put
 * the result for that there beforehand); of rdssp without a shadow stack, as in every unwinder; the upper bytes, where the
 * kernel stands in for the instruction.
 */
static bool may_keep(const ZydisDecodedInstruction *zydis)
{
    switch ((uint32_t)zydis->mnemonic) {
    case ZYDIS_MNEMONIC_BSF:
    case ZYDIS_MNEMONIC_BSR:
    case ZYDIS_MNEMONIC_RDSSPD:
    case ZYDIS_MNEMONIC_RDSSPQ:
    case ZYDIS_MNEMONIC_SLDT:
    case ZYDIS_MNEMONIC_STR:
    case ZYDIS_MNEMONIC_SMSW:
        return true;
    default:
        return false;
    }
}

bool patch_decode(const uint8_t *code, size_t room, uintptr_t address, struct patch_instruction *in,
                  uint64_t *value)
{
    ZydisDecodedInstruction zydis;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    ZydisDecoderContext context;
    if (!ZYAN_SUCCESS(decode_instruction(&decoder, &context, code, room, &zydis)) ||
        !ZYAN_SUCCESS(decode_operands(&decoder, &context, &zydis, operands, zydis.operand_count)))
        return false;
    *in = (struct patch_instruction){.length = zydis.length,
                                     .target = PATCH_NOWHERE,
                                     .base = PATCH_NO_REGISTER,
                                     .index = PATCH_NO_REGISTER};
    *value = 0;
    bool direct = false;
    for (uint32_t i = 0; i < zydis.operand_count; i++) {
        const ZydisDecodedOperand *operand = &operands[i];
        switch (operand->type) {
        case ZYDIS_OPERAND_TYPE_REGISTER:
            register_operand(in, operand);
            break;
        case ZYDIS_OPERAND_TYPE_MEMORY:
            if (!memory_operand(in, &zydis, operands, operand, address))
                return false;
            break;
        case ZYDIS_OPERAND_TYPE_IMMEDIATE:
            direct |= operand->imm.is_relative;
            *value = operand->imm.is_relative
                         ? address + zydis.length + (uint64_t)operand->imm.value.s
                         : operand->imm.value.u;
            break;
        case ZYDIS_OPERAND_TYPE_POINTER:
            return false;
        case ZYDIS_OPERAND_TYPE_UNUSED:
            break;
        }
    }
    if (!flow_of(in, &zydis, direct))
        return false;
    flags_of(in, &zydis, operands);
    in->trait = trait_of(&zydis, operands);
    bool same = zydis.operand_count_visible == 2 &&
                operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
                operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
                operands[0].reg.value == operands[1].reg.value && operands[0].size >= 32;
    if (same && zydis.mnemonic == ZYDIS_MNEMONIC_XOR)
        in->reads = 0; /* clears it, whatever was there */
    if (may_keep(&zydis)) {
        in->reads |= in->writes;
        in->writes = 0;
    }
    if (in->memory == MEMORY_SYSTEM) /* the kernel gives them back */
        in->bits &= (uint8_t)~INSTRUCTION_WRITES_FLAGS;
    if (in->memory == MEMORY_SYSTEM || zydis.mnemonic == ZYDIS_MNEMONIC_CPUID ||
        in->flow == FLOW_TRAP) {
        in->reads = 0xffff;
        in->writes = 0;
    }
    return true;
}

/* What is code: functions from the frame descriptions (.eh_frame, found through its sorted index), and their landing pads. */
#include "shim/patch_code.h"

#include "shim/banned.h"
#include "shim/raw.h"

/* ---- DWARF's numbers ---- */

struct cursor {
    const uint8_t *at, *end;
};

static uint64_t fixed_number(struct cursor *cursor, uint32_t bytes)
{
    uint64_t value = 0;
    if ((size_t)(cursor->end - cursor->at) < bytes) {
        cursor->at = cursor->end;
        return 0;
    }
    for (uint32_t i = 0; i < bytes; i++)
        value |= (uint64_t)cursor->at[i] << 8 * i;
    cursor->at += bytes;
    return value;
}

static uint64_t leb(struct cursor *cursor, bool is_signed)
{
    uint64_t value = 0;
    uint32_t shift = 0;
    uint8_t byte = 0;
    do {
        if (cursor->at >= cursor->end)
            return 0;
        byte = *cursor->at++;
        if (shift < 64)
            value |= (uint64_t)(byte & 127) << shift;
        shift += 7;
    } while (byte & 128);
    if (is_signed && shift < 64 && byte & 64)
        value |= ~UINT64_C(0) << shift;
    return value;
}

/* A pointer in one of the encodings of .eh_frame (DW_EH_PE_*); 0xff: none. */
static uint64_t encoded(struct cursor *cursor, uint8_t encoding, uintptr_t data)
{
    uintptr_t place = (uintptr_t)cursor->at;
    uint64_t value = 0;
    if (encoding == 0xff)
        return 0;
    switch (encoding & 15) {
    case 0:
    case 4:
    case 12:
        value = fixed_number(cursor, 8);
        break;
    case 1:
        value = leb(cursor, false);
        break;
    case 2:
        value = fixed_number(cursor, 2);
        break;
    case 3:
        value = fixed_number(cursor, 4);
        break;
    case 9:
        value = leb(cursor, true);
        break;
    case 10:
        value = (uint64_t)(int16_t)fixed_number(cursor, 2);
        break;
    case 11:
        value = (uint64_t)(int32_t)fixed_number(cursor, 4);
        break;
    default:
        cursor->at = cursor->end;
        return 0;
    }
    if (!value)
        return 0;
    if ((encoding & 0x70) == 0x10)
        value += place;
    else if ((encoding & 0x70) == 0x30)
        value += data;
    if (encoding & 0x80)
        value = *(const uint64_t *)value;
    return value;
}

static struct cursor cursor_at(const uint8_t *at)
{
    return (struct cursor){at, at + (1u << 20)};
}

/* ---- functions ---- */

static bool description(const struct patch_image *image, const uint8_t *fde,
                        struct patch_function *function)
{
    struct cursor at = cursor_at(fde);
    uint32_t length = (uint32_t)fixed_number(&at, 4);
    if (length == 0 || length == UINT32_MAX)
        return false;
    const uint8_t *common = at.at - (uint32_t)fixed_number(&at, 4);
    struct cursor cie = cursor_at(common + 9); /* length, id, version */
    const char *augmentation = (const char *)cie.at;
    cie.at += raw_length(augmentation) + 1;
    leb(&cie, false);
    leb(&cie, true);
    leb(&cie, false);
    uint8_t encoding = 0, landing = 0xff;
    if (augmentation[0] == 'z') {
        leb(&cie, false);
        for (const char *letter = augmentation + 1; *letter; letter++) {
            if (*letter == 'R') {
                encoding = *cie.at++;
            } else if (*letter == 'L') {
                landing = *cie.at++;
            } else if (*letter == 'S') {
                function->native = true; /* where signal handlers return: known by its bytes */
            } else if (*letter == 'P') {
                uint8_t personality = *cie.at++;
                encoded(&cie, personality & 0x7f, 0);
            }
        }
    }
    uint64_t start = encoded(&at, encoding, 0), size = encoded(&at, encoding & 15, 0);
    if (augmentation[0] == 'z') {
        leb(&at, false);
        function->landing = encoded(&at, landing, 0);
    }
    function->start = image_offset(image, start);
    if (function->start == PATCH_NOWHERE || size == 0 || size > image->size - function->start)
        return false;
    function->end = function->start + (uint32_t)size;
    return true;
}

bool patch_discover_functions(struct patch_image *image)
{
    const uint8_t *header = image->frames;
    if (!header || header[0] != 1 || header[3] != 0x3b) /* a table of (sdata4, sdata4) pairs */
        return false;
    struct cursor at = cursor_at(header + 4);
    encoded(&at, header[1], (uintptr_t)header);
    uint64_t count = encoded(&at, header[2], (uintptr_t)header);
    if (count > image->size)
        return false;
    image->functions = arena_take(image->arena, (count + 1) * sizeof *image->functions);
    if (!image->functions)
        return false;
    const uint8_t *pairs = at.at;
    uint32_t used = 0;
    for (uint64_t i = 0; i < count; i++) {
        struct cursor pair = cursor_at(pairs + 8 * i + 4);
        struct patch_function function = {.native = false};
        const uint8_t *fde = header + (int32_t)fixed_number(&pair, 4);
        if (!description(image, fde, &function))
            continue;
        struct patch_function *last = used ? &image->functions[used - 1] : NULL;
        if (last && function.start < last->end) { /* overlap: neither is what it seems */
            last->native = true;
            if (function.end > last->end)
                last->end = function.end;
            continue;
        }
        image->functions[used++] = function;
    }
    image->function_count = used;
    return used != 0;
}

/* ---- landing pads ---- */

void patch_landing_pads(const struct patch_image *image, const struct patch_function *function,
                        void (*found)(void *data, uintptr_t address), void *data)
{
    if (!function->landing)
        return;
    struct cursor at = cursor_at((const uint8_t *)function->landing);
    uintptr_t base = (uintptr_t)image->text + function->start;
    uint8_t encoding = *at.at++;
    if (encoding != 0xff)
        base = encoded(&at, encoding, 0);
    encoding = *at.at++;
    if (encoding != 0xff)
        leb(&at, false);
    encoding = *at.at++;
    uint64_t size = leb(&at, false);
    at.end = at.at + size;
    while (at.at < at.end) {
        encoded(&at, encoding & 15, 0);
        encoded(&at, encoding & 15, 0);
        uint64_t pad = encoded(&at, encoding & 15, 0);
        leb(&at, false);
        if (pad)
            found(data, base + pad);
    }
}

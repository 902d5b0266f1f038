/* Memory of the rewriter: see patch_area.c. */
#ifndef SHIM_PATCH_AREA_H
#define SHIM_PATCH_AREA_H

#include "shim/patch_code.h"

struct area {
    uint8_t *out; /* writable */
    uintptr_t runs;
    size_t size;
    bool twice; /* two mappings */
};

/* Room for `size` bytes of a copy, whose code reaches all of [low, high), and is reached from there. */
bool area_begin(struct area *area, uintptr_t low, uintptr_t high, size_t size);
/* It is written; only what is used stays. */
bool area_end(const struct area *area, size_t used);
/* The text as it is in its file, while it is the same in memory; NULL: it is not, or the file is not to be had. */
const uint8_t *area_file(const struct patch_image *image);
void area_file_release(const struct patch_image *image, const uint8_t *bytes);
/* It goes, with what runs in it. */
void area_release(const struct area *area);

#endif

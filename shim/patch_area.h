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

/* Room for `size` bytes of a copy. */
bool area_begin(struct area *area, const struct patch_image *image, size_t size);
/* It is written; only what is used stays. */
bool area_end(const struct area *area, size_t used);

#endif

/*
 * Compares two accounts of which bytes a run of `exercise` touched:
 *     compare SEEN RECORDED
 * SEEN: output of valgrind --tool=lackey --trace-mem=yes, RECORDED: of `gorocheck dump DIR access`; each begins with the
 * line that the program printed in that run. Only accesses by the program's own code count. Prints how many bytes there are
 * and what is missing or too much; exit status 1 if anything is.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES (1u << 20)

struct account {
    uint64_t area, size, low, high; /* of the areas, of the code */
    uint8_t touched[BYTES], written[BYTES];
};
static struct account seen, recorded;

static void add(struct account *a, uint64_t address, uint64_t size, int write)
{
    for (uint64_t i = 0; i < size; i++) {
        uint64_t byte = address + i - a->area;
        if (byte >= a->size || byte >= BYTES)
            continue;
        a->touched[byte] = 1;
        a->written[byte] |= (uint8_t)write;
    }
}

static int header(struct account *a, const char *line)
{
    if (a->size)
        return 0;
    return sscanf(line, "0x%" SCNx64 " %" SCNu64 " 0x%" SCNx64 " 0x%" SCNx64, &a->area, &a->size,
                  &a->low, &a->high) == 4;
}

static void seen_line(const char *line)
{
    static uint64_t pc;
    uint64_t address, size;
    char what;
    if (header(&seen, line) ||
        sscanf(line, " %c %" SCNx64 ",%" SCNu64, &what, &address, &size) != 3)
        return;
    if (what == 'I')
        pc = address;
    else if ((what == 'L' || what == 'S' || what == 'M') && pc >= seen.low && pc < seen.high)
        add(&seen, address, size, what != 'L');
}

static void recorded_line(const char *line)
{
    uint64_t address, mask, kind, pc, run, size;
    int64_t stride;
    if (header(&recorded, line))
        return;
    if (sscanf(line,
               "%*s line 0x%" SCNx64 " mask 0x%" SCNx64 " kind 0x%" SCNx64 " pc 0x%" SCNx64
               " context %*u run %" SCNu64 " stride %" SCNd64,
               &address, &mask, &kind, &pc, &run, &stride) == 6) {
        for (uint64_t i = 0; pc >= recorded.low && pc < recorded.high && i <= run; i++)
            for (unsigned bit = 0; bit < 64; bit++)
                if (mask >> bit & 1)
                    add(&recorded, address + 64 * (uint64_t)((int64_t)i * stride) + bit, 1,
                        kind & 1);
    } else if (sscanf(line,
                      "%*s range 0x%" SCNx64 " size %" SCNu64 " kind 0x%" SCNx64 " pc 0x%" SCNx64,
                      &address, &size, &kind, &pc) == 4) {
        if (pc >= recorded.low && pc < recorded.high)
            add(&recorded, address, size, kind & 1);
    }
}

static void read_file(const char *path, void (*line_of)(const char *))
{
    char line[1024];
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        exit(2);
    }
    while (fgets(line, sizeof line, file))
        line_of(line);
    fclose(file);
}

int main(int count, char **arguments)
{
    if (count != 3)
        return 2;
    read_file(arguments[1], seen_line);
    read_file(arguments[2], recorded_line);
    unsigned touched = 0, written = 0, missing = 0, extra = 0;
    for (uint64_t i = 0; i < seen.size && i < BYTES; i++) {
        touched += seen.touched[i];
        written += seen.written[i];
        int bad =
            (seen.touched[i] && !recorded.touched[i]) || (seen.written[i] && !recorded.written[i]);
        int more =
            (recorded.touched[i] && !seen.touched[i]) || (recorded.written[i] && !seen.written[i]);
        if ((bad && !missing) || (more && !extra))
            printf("first %s: byte %" PRIu64 "\n", bad ? "missing" : "extra", i);
        missing += (unsigned)bad;
        extra += (unsigned)more;
    }
    printf("%u bytes touched, %u written: %u missing, %u extra\n", touched, written, missing,
           extra);
    return !touched || missing || extra;
}

/* Makes and reads assignment ids: the arm's letter, p in three hexadecimal digits, a dash and 24
 * random digits. */
#include "assignment_id.h"
#include "random_bytes.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DASH = 4, LENGTH = 29 };

static int hexadecimal(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

uint16_t fd_origin_of(const char *assignment) {
    if (!assignment || strlen(assignment) != LENGTH || assignment[DASH] != '-' ||
        (assignment[0] != 'a' && assignment[0] != 'c'))
        return FD_ORIGIN_NONE;
    int p = 0;
    for (size_t i = 1; i < LENGTH; i++) {
        if (i == DASH)
            continue;
        int digit = hexadecimal(assignment[i]);
        if (digit < 0)
            return FD_ORIGIN_NONE;
        if (i < DASH)
            p = p * 16 + digit;
    }
    return (uint16_t)((assignment[0] == 'a' ? FD_ORIGIN_ACTIVE : FD_ORIGIN_CONTROL) | p);
}

void fd_assignment_id_make(bool control, double p, char id[FD_ASSIGNMENT_ID_SIZE]) {
    uint32_t random[3];
    fd_random_bytes(random, sizeof(random));
    (void)snprintf(id, FD_ASSIGNMENT_ID_SIZE, "%c%03x-%08" PRIx32 "%08" PRIx32 "%08" PRIx32,
                   control ? 'c' : 'a', (unsigned)lrint(p * 2.0 * FD_ORIGIN_EVEN), random[0],
                   random[1], random[2]);
}

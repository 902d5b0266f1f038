/*
 * The same in memory that is executable from the start.
 *
 * EXPECT: none
 * SAYS: it made code at run time
 * MODE: plain
 */
#include "made_code.c"

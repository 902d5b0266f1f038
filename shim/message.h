/* Short messages of the recorder: shim_message() of shim.h, and whether stderr is still there for them. */
#ifndef SHIM_MESSAGE_H
#define SHIM_MESSAGE_H

#include "shim/shim.h"

/* At the start: what stderr is. */
void message_setup(void);
/* It still is, or is something else that text may be added to. */
bool message_possible(void);

#endif

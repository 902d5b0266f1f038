/*
 * As if this were another libgo, of which the recorder does not know what of its threads it does not know (the descriptor is not
 * filled in yet when it looks): what happens is recorded all the same, but who could still end a wait is not known.
 *
 * EXPECT: blocked @send channel [suspected]
 * MODE: gorace
 * SAYS: this libgo is not one that is known
 */
package main

/*
#include <dlfcn.h>
#include <string.h>

char descriptor[112] __asm__("runtime.m..d");

static void __attribute__((constructor)) fill(void)
{
	void *libgo = dlopen("libgo.so.21", RTLD_LAZY | RTLD_NOLOAD);
	void *real = libgo ? dlsym(libgo, "runtime.m..d") : NULL;
	if (real && real != descriptor)
		memcpy(descriptor, real, sizeof descriptor);
}
*/
import "C"

import (
	"bytes"
	"fmt"
	"runtime"
	"time"
)

func main() {
	values, begun := make(chan int), make(chan bool)
	go func() {
		begun <- true
		values <- 1 // @send
	}()
	<-begun
	for text := make([]byte, 1<<16); !bytes.Contains(text[:runtime.Stack(text, true)], []byte("chan send")); {
		time.Sleep(time.Millisecond)
	}
	fmt.Println("done")
}

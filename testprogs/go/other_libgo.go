/*
 * As if this were another libgo, whose channels the recorder does not know (other_libgo_partly.go): nothing can be said of
 * goroutines, and that is said.
 *
 * EXPECT: none
 * MODE: gorace
 * STATUS: 3
 * SAYS: this libgo is not known well enough: qcount
 */
package main

/*
#include <dlfcn.h>
#include <string.h>

char descriptor[112] __asm__("runtime.hchan..d");

static void __attribute__((constructor)) fill(void)
{
	void *libgo = dlopen("libgo.so.21", RTLD_LAZY | RTLD_NOLOAD);
	void *real = libgo ? dlsym(libgo, "runtime.hchan..d") : NULL;
	if (real && real != descriptor)
		memcpy(descriptor, real, sizeof descriptor);
}
*/
import "C"

import (
	"fmt"
	"runtime"
)

func main() {
	values := make(chan int)
	go func() {
		values <- 1
	}()
	runtime.Gosched()
	fmt.Println("unseen")
}

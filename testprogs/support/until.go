/*
 * For test programs in Go (CFLAGS: testprogs/support/until.go): a wait for others to be parked, however long the machine
 * takes. Not where a goroutine computes for ever: the runtime would wait for it before it tells anything.
 */
package main

import (
	"bytes"
	"runtime"
	"time"
)

/* Returns when the runtime says of so many goroutines that they are in this state, or one that begins so. */
func until(count int, state string) {
	for text := make([]byte, 1<<20); bytes.Count(text[:runtime.Stack(text, true)], []byte(" ["+state)) < count; {
		time.Sleep(time.Millisecond)
	}
}

/*
 * With GOTRACEBACK=crash the runtime ends a program that panics by SIGABRT, for a core; that it panicked is told all the
 * same, with the text of the error.
 *
 * EXPECT: ending @save main.save [proved]
 * EXPECT: exit 134
 * ENV: GOTRACEBACK=crash
 * REPORT: panicked: save report: file does not exist, which ended the program
 */
package main

import (
	"fmt"
	"os"
)

func save(name string) {
	panic(fmt.Errorf("save %s: %w", name, os.ErrNotExist)) /* @save */
}

func main() {
	go save("report")
	select {}
}

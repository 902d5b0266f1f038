/*
 * A channel closed twice: a panic, which ends the program.
 *
 * EXPECT: ending @close main [proved]
 * EXPECT: misuse @close close-twice [proved]
 * EXPECT: exit 2
 * REPORT: It was closed by the main goroutine
 */
package main

func main() {
	done := make(chan bool)
	close(done)
	close(done) /* @close */
}

/*
 * Numbers with a fraction as Go's runtime prints them (print.go, printfloat): its own steps, so that the digits are the
 * same. The only part of the recorder that calculates with such numbers; it is asked when a panic ends the program.
 */
#include "shim/go_type.h"

#include "shim/banned.h"

#define DIGITS 7

static size_t digits(double value, char text[GO_FLOAT_TEXT])
{
    const char *word = value != value                        ? "NaN"
                       : value + value == value && value > 0 ? "+Inf"
                       : value + value == value && value < 0 ? "-Inf"
                                                             : NULL;
    size_t used = 0;
    if (word) {
        while (word[used]) {
            text[used] = word[used];
            used++;
        }
        return used;
    }
    text[used++] = value < 0 || 1 / value < 0 ? '-' : '+';
    int exponent = 0;
    if (value != 0) {
        value = value < 0 ? -value : value;
        while (value >= 10) {
            value /= 10;
            exponent++;
        }
        while (value < 1) {
            value *= 10;
            exponent--;
        }
        double half = 5;
        for (int i = 0; i < DIGITS; i++)
            half /= 10;
        value += half;
        if (value >= 10) {
            exponent++;
            value /= 10;
        }
    }
    for (int i = 0; i < DIGITS; i++) {
        int digit = (int)value;
        text[used++] = (char)('0' + digit);
        if (i == 0)
            text[used++] = '.';
        value = (value - digit) * 10;
    }
    text[used++] = 'e';
    text[used++] = exponent < 0 ? '-' : '+';
    if (exponent < 0)
        exponent = -exponent;
    text[used++] = (char)('0' + exponent / 100);
    text[used++] = (char)('0' + exponent / 10 % 10);
    text[used++] = (char)('0' + exponent % 10);
    return used;
}

size_t go_float_text(const void *data, size_t size, char text[GO_FLOAT_TEXT])
{
    return digits(size == sizeof(float) ? (double)*(const float *)data : *(const double *)data,
                  text);
}

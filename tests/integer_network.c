/* Logits of an int8 file of `s6erav3 export --format safetensors --int8`, in integers alone.

   integer_network FILE < IMAGES   reads images of 784 bytes and prints ten logits a line. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONVOLUTION, MAX_POOL, MEAN, FLATTEN };

typedef struct { /* a row of the table `layers` */
    int16_t kind, out_channels, in_channels, height, width;
    int16_t groups, padding, relu, zero_point, bits;
} Layer;

typedef struct { /* the arrays of a file */
    const Layer *layers;
    const int32_t *bias, *multiplier, *offset;
    const int8_t *weight;
    int n_layers;
} Network;

typedef struct { /* the shape of activations */
    int channels, height, width;
} Shape;

/* The array called `name`; its length in bytes is stored in `length`. */
static const void *find(char *file, const char *name, long *length) {
    uint64_t header_length;
    memcpy(&header_length, file, 8);
    char key[64];
    snprintf(key, sizeof key, "\"%s\":{\"dtype\"", name);
    const char *entry = strstr(file + 8, key);
    if (!entry) exit(2);
    long begin, end;
    sscanf(strstr(entry, "data_offsets"), "data_offsets\":[%ld,%ld", &begin, &end);
    *length = end - begin;
    return file + 8 + header_length + begin;
}

static Network read_network(char *file) {
    long length;
    Network network = {.layers = find(file, "layers", &length)};
    network.n_layers = length / sizeof(Layer);
    network.bias = find(file, "bias", &length);
    network.multiplier = find(file, "multiplier", &length);
    network.offset = find(file, "offset", &length);
    network.weight = find(file, "weight", &length);
    return network;
}

/* The sum of products for output channel `out` at position (y, x). */
static int32_t sum_at(const Layer *layer, const int8_t *weight, const int8_t *input, Shape shape,
                      int out, int y, int x) {
    int first = out / (layer->out_channels / layer->groups) * layer->in_channels;
    int32_t sum = 0;
    weight += out * layer->in_channels * layer->height * layer->width;
    for (int channel = first; channel < first + layer->in_channels; channel++)
        for (int dy = 0; dy < layer->height; dy++)
            for (int dx = 0; dx < layer->width; dx++, weight++) {
                int row = y + dy - layer->padding, column = x + dx - layer->padding;
                if (row < 0 || row >= shape.height || column < 0 || column >= shape.width) continue;
                int place = (channel * shape.height + row) * shape.width + column;
                sum += *weight * (input[place] - layer->zero_point);
            }
    return sum;
}

/* A convolution and what follows it; the last layer writes into `logits`. */
static Shape convolve(const Layer *layer, const Network *network, const int8_t *input, Shape shape,
                      int8_t *output, int32_t *logits) {
    int height = shape.height + 2 * layer->padding - layer->height + 1;
    int width = shape.width + 2 * layer->padding - layer->width + 1;
    for (int out = 0; out < layer->out_channels; out++)
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) {
                int32_t sum = sum_at(layer, network->weight, input, shape, out, y, x);
                sum += network->bias[out];
                if (layer->relu && sum < 0) sum = 0;
                int64_t product = (int64_t)sum * network->multiplier[out];
                int64_t value = (product + network->offset[out]) >> 20;
                if (layer->bits == 32) logits[out] = value;
                else *output++ = value < -128 ? -128 : value > 127 ? 127 : value;
            }
    return (Shape){layer->out_channels, height, width};
}

/* The largest or the mean of size × size positions from (y, x) of a map. */
static int pool_at(int kind, const int8_t *map, int width, int size, int y, int x) {
    int largest = -128, total = 0, n = size * size;
    for (int dy = 0; dy < size; dy++)
        for (int dx = 0; dx < size; dx++) {
            int value = map[(y + dy) * width + x + dx];
            total += value + 128; /* not negative: C rounds quotients towards 0 */
            if (value > largest) largest = value;
        }
    return kind == MAX_POOL ? largest : (2 * total + n) / (2 * n) - 128;
}

static Shape pool(const Layer *layer, const int8_t *input, Shape shape, int8_t *output) {
    int size = layer->height ? layer->height : shape.height;
    int height = shape.height / size, width = shape.width / size;
    for (int channel = 0; channel < shape.channels; channel++)
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) {
                const int8_t *map = input + channel * shape.height * shape.width;
                *output++ = pool_at(layer->kind, map, shape.width, size, y * size, x * size);
            }
    return (Shape){shape.channels, height, width};
}

static void compute_logits(Network network, const uint8_t *image, int32_t *logits) {
    static int8_t input[1 << 16], output[1 << 16]; /* a byte for each activation */
    Shape shape = {1, 28, 28};
    for (int i = 0; i < 784; i++) input[i] = image[i] - 128;
    for (const Layer *layer = network.layers; layer < network.layers + network.n_layers; layer++) {
        if (layer->kind == FLATTEN) { /* the activations stay where they are */
            shape = (Shape){shape.channels * shape.height * shape.width, 1, 1};
            continue;
        }
        if (layer->kind == CONVOLUTION) {
            shape = convolve(layer, &network, input, shape, output, logits);
            network.bias += layer->out_channels; /* of the next layer */
            network.multiplier += layer->out_channels;
            network.offset += layer->out_channels;
            network.weight +=
                layer->out_channels * layer->in_channels * layer->height * layer->width;
        } else {
            shape = pool(layer, input, shape, output);
        }
        memcpy(input, output, sizeof input);
    }
}

int main(int count, char **arguments) {
    static char content[1 << 20];
    FILE *file = count == 2 ? fopen(arguments[1], "rb") : NULL;
    if (!file || !fread(content, 1, sizeof content - 1, file)) return 1;
    Network network = read_network(content);
    uint8_t image[784];
    while (fread(image, 1, sizeof image, stdin) == sizeof image) {
        int32_t logits[10];
        compute_logits(network, image, logits);
        for (int digit = 0; digit < 10; digit++) printf("%d ", logits[digit]);
        puts("");
    }
    return 0;
}

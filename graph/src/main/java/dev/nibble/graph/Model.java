package dev.nibble.graph;
public record Model() {}

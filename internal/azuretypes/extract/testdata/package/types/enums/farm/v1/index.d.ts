export declare const Colour: {
    readonly Red: "Red";
    readonly Pale_Blue: "pale blue";
};
/**
 * The colour.
 */
export type Colour = (typeof Colour)[keyof typeof Colour];
export declare const Food: {
    readonly Hay: "Hay";
};
export type Food = (typeof Food)[keyof typeof Food];

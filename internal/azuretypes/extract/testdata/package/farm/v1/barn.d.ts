import * as pulumi from "@pulumi/pulumi";
/**
 * A class { with brackets in its comment.
 */
export declare class Barn extends pulumi.CustomResource {
    static get(name: string, id: pulumi.Input<pulumi.ID>, opts?: pulumi.CustomResourceOptions): Barn;
    readonly animals: pulumi.Output<outputs.farm.v1.AnimalResponse[] | undefined>;
    readonly built: pulumi.Output<string>;
    readonly tags: pulumi.Output<{
        [key: string]: string;
    } | undefined>;
    constructor(name: string, args: BarnArgs, opts?: pulumi.CustomResourceOptions);
}
export interface BarnArgs {
    /**
     * Who lives in it.
     */
    animals?: pulumi.Input<pulumi.Input<inputs.farm.v1.AnimalArgs>[]>;
    colour: pulumi.Input<string | enums.farm.v1.Colour>;
    tags?: pulumi.Input<{
        [key: string]: pulumi.Input<string>;
    }>;
}

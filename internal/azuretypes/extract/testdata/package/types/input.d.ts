export declare namespace farm {
    namespace v1 {
        /**
         * An animal, which may have young.
         */
        interface AnimalArgs {
            food?: pulumi.Input<pulumi.Input<string | enums.farm.v1.Food>[]>;
            legs: pulumi.Input<number>;
            young?: pulumi.Input<inputs.farm.v1.AnimalArgs>;
        }
        /**
         * animalArgsProvideDefaults sets the appropriate defaults for AnimalArgs
         */
        function animalArgsProvideDefaults(val: AnimalArgs): AnimalArgs;
    }
    namespace v2 {
        interface AnimalArgs {
            wings: pulumi.Input<number>;
        }
    }
}

export declare namespace farm {
    namespace v1 {
        interface AnimalResponse {
            earTag: string;
            legs: number;
            young?: outputs.farm.v1.AnimalResponse;
        }
    }
}
